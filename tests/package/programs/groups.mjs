// The sharing graph as an application uses it: groups, devices, exclusion, renewing, and who can read what.
import { Regrant } from "regrant";

/** Takes minutes in each: in others when they are asked for. */
export const engines = ["chromium"];
export const variants = ["programs", "http"];

/** People with a `Regrant` each, on one relay of this program's own. */
async function people(vault, name, ...logins) {
  const all = {};
  for (const login of logins) {
    const regrant = await Regrant.open({ name, store: "memory", application: "groups" });
    all[login] = await regrant.connect({ login, ...vault(login) });
  }
  return all;
}

const outcome = async (promise) => promise.then(({ data }) => data, ({ code }) => code);

export const scenarios = {
  "members read what their group was given also those who join later": async ({ vault, equal, same, code }) => {
    const { alice, bob, carol, dave } = await people(vault, "groups-join", "alice", "bob", "carol", "dave");
    await alice.identities.create({ login: "ward", name: "Ward 7", kind: "group", payload: { beds: 12 } }, { sharingGroup: ["alice", "bob"] });
    const { id, bytes } = await dave.encrypt({ note: "for the ward" }, { shareWith: ["ward"] });
    same((await bob.decrypt(bytes)).data, { note: "for the ward" });
    await code(carol.decrypt(bytes), "ERR_NO_ACCESS");
    await bob.identities.extendSharingGroup("ward", ["carol"]);
    same((await carol.decrypt(bytes, { reason: "round" })).data, { note: "for the ward" });
    same(await carol.identities.getSharingGroup("ward"), ["alice", "bob", "carol"].map((login) => ({ login, locked: false })));
    same(await carol.identities.getAccessGroup("carol"), [{ login: "ward", locked: false }]);
    // Anyone may get an identity; names and payloads are public.
    const ward = await dave.identities.get("ward");
    same([ward.name, ward.kind, ward.payload, ward.version, ward.trust], ["Ward 7", "group", { beds: 12 }, 1, "unverified"]);
    const readers = await dave.whoCanRead(id);
    same(readers.find(({ login }) => login === "carol").path, ["ward", "carol"]);
    // A reader of what the group was given sees with whom it is shared.
    equal((await dave.identities.getSharingGroup("ward").catch(({ code }) => code)).length > 0, true);
    const log = await dave.identities.accessLogs({ item: id, reason: "round" });
    same(log.items.map(({ login, as, reason }) => ({ login, as, reason })), [{ login: "carol", as: "ward", reason: "round" }]);
    // Acting for it, also when giving on and when sealing.
    const asWard = await carol.identities.as("ward");
    equal(asWard.login, "ward");
    const more = await asWard.encrypt("by the ward", { shareWith: ["dave"], sign: true });
    const seen = await dave.decrypt(more.bytes);
    same(seen.author, { login: "ward", verified: false, by: "signature" });
    const dry = await dave.revoke([id], "ward", { dryRun: true });
    same(dry.losing.map(({ login }) => login), ["alice", "bob", "carol", "ward"]);
    await code(dave.identities.as("ward"), "ERR_FORBIDDEN");
    await code(dave.identities.extendSharingGroup("ward", ["dave"]), "ERR_FORBIDDEN");
    await code(dave.identities.create({ login: "ward" }), "ERR_IDENTITY_EXISTS");
  },

  "whoever is excluded is closed out and who remains reads all": async ({ vault, equal, same, code }) => {
    const { alice, bob, carol, dave } = await people(vault, "groups-exclude", "alice", "bob", "carol", "dave");
    await alice.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["alice", "bob", "carol"] });
    await alice.identities.create({ login: "files", kind: "group" }, { sharingGroup: ["ward"] });
    const before = await dave.encrypt("before", { shareWith: ["files"] });
    for (const one of [alice, bob, carol]) equal((await one.decrypt(before.bytes)).data, "before");
    const heard = [];
    await bob.identities.replaceSharingGroup("ward", ["alice", "bob"], { onProgress: (done) => heard.push(done) });
    equal(heard.at(-1) >= 2, true);
    const after = await dave.encrypt("after", { shareWith: ["files"] });
    for (const one of [alice, bob]) {
      same([await outcome(one.decrypt(before.bytes)), await outcome(one.decrypt(after.bytes))], ["before", "after"]);
    }
    equal(await outcome(carol.decrypt(after.bytes)), "ERR_NO_ACCESS");
    await code(carol.identities.as("ward"), "ERR_FORBIDDEN");
    same((await Promise.all(["ward", "files"].map((login) => dave.identities.get(login)))).map(({ version }) => version), [2, 2]);
    equal((await dave.identities.history("ward")).length, 2);
    // An abort before anything is written changes nothing.
    const controller = new AbortController();
    const reason = new Error("enough");
    const stopped = alice.identities.replaceSharingGroup("ward", ["alice"], {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    equal(await stopped.catch((error) => error), reason);
    equal((await dave.identities.get("ward")).version, 2);
  },

  "a device acts for its person and puts a friend into a group": async ({ vault, equal, same, code }) => {
    const { alice, phone, bob, dave } = await people(vault, "groups-device", "alice", "phone", "bob", "dave");
    await alice.identities.extendSharingGroup("alice", ["phone"]);
    await alice.identities.create({ login: "family", kind: "group" });
    const old = await dave.encrypt("old", { shareWith: ["family"] });
    // Through alice to her group: the shortest way.
    await phone.identities.extendSharingGroup("family", ["bob"]);
    equal((await bob.decrypt(old.bytes)).data, "old");
    equal((await phone.decrypt(old.bytes)).data, "old");
    await phone.identities.renewKeys("alice");
    const fresh = await dave.encrypt("fresh", { shareWith: ["alice", "family"] });
    equal((await phone.decrypt(fresh.bytes)).data, "fresh");
    equal((await alice.decrypt(old.bytes)).data, "old");
    await code(alice.encrypt("x"), "ERR_LOCKED");
    await alice.unlock(vault("alice"));
    equal((await alice.decrypt(fresh.bytes)).data, "fresh");
    await alice.encrypt("goes on");
    const acting = await phone.identities.as("alice");
    equal((await acting.decrypt(fresh.bytes)).data, "fresh");
    const paths = (await dave.whoCanRead(fresh.id)).map(({ login, path }) => [login, path.join(">")]);
    same(paths.find(([login]) => login === "phone"), ["phone", "alice>phone"]);
    await phone.lock();
    await code(acting.decrypt(fresh.bytes), "ERR_NOT_CONNECTED");
  },

  "an identity with a secret can be connected as": async ({ vault, equal, code }) => {
    const { alice, bob } = await people(vault, "groups-secret", "alice", "bob");
    await alice.identities.create({ login: "locum", kind: "user" }, { secret: "for the locum doctor" });
    const item = await bob.encrypt("for the locum", { shareWith: ["locum"] });
    const elsewhere = await Regrant.open({ name: "groups-secret", store: "memory", application: "groups" });
    const locum = await elsewhere.connect({ login: "locum", password: "for the locum doctor" }, { register: false });
    equal((await locum.decrypt(item.bytes)).data, "for the locum");
    equal((await alice.decrypt(item.bytes)).data, "for the locum");
    await alice.identities.renewKeys("locum", { secret: "another one" });
    await code(elsewhere.connect({ login: "locum", password: "for the locum doctor" }), "ERR_WRONG_SECRET");
    await alice.identities.update({ login: "locum", name: "Dr. L", payload: { from: "agency" } });
    await alice.identities.update({ login: "locum", payload: null });
    const { name, payload } = await bob.identities.get("locum");
    equal([name, payload].join(), "Dr. L,");
    const page = await bob.identities.list({ limit: 2 });
    equal(page.items.length, 2);
    equal((await bob.identities.list({ search: "dr. l", cursor: undefined })).items[0].login, "locum");
    equal((await bob.identities.list({ cursor: page.cursor })).items.length, 1);
    await alice.identities.remove("locum");
    await code(bob.identities.get("locum"), "ERR_IDENTITY_NOT_FOUND");
  },

  "an administrator overwrites and the old secret unlocks": async ({ vault, equal, same, code }) => {
    const { admin, alice, bob } = await people(vault, "groups-admin", "admin", "alice", "bob");
    await bob.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["bob", "alice"] });
    const direct = await bob.encrypt("direct", { shareWith: ["alice"] });
    const through = await bob.encrypt("through", { shareWith: ["ward"] });
    await code(bob.admin.overwriteKeys("alice", { secret: "x" }), "ERR_FORBIDDEN");
    await admin.admin.overwriteKeys("alice", { secret: "given by the desk" });
    await code(alice.encrypt("stale"), "ERR_IDENTITY_CHANGED");
    const regrant = await Regrant.open({ name: "groups-admin", store: "memory", application: "groups" });
    const anew = await regrant.connect({ login: "alice", password: "given by the desk" });
    same((await anew.identities.lockedVersions("alice")).map(({ version }) => version), [1]);
    same(await anew.identities.getAccessGroup("alice"), [{ login: "ward", locked: true }]);
    equal(await outcome(anew.decrypt(through.bytes)), "ERR_NO_ACCESS");
    await code(anew.identities.unlockVersions("alice", vault("nobody")), "ERR_WRONG_SECRET");
    same(await anew.identities.unlockVersions("alice", vault("alice")), [1]);
    same([await outcome(anew.decrypt(direct.bytes)), await outcome(anew.decrypt(through.bytes))], ["direct", "through"]);
    same(await anew.identities.getAccessGroup("alice"), [{ login: "ward", locked: false }]);
  },

  "standing shares named items and removal": async ({ vault, equal, same, code }) => {
    const { alice, bob, carol } = await people(vault, "groups-items", "alice", "bob", "carol");
    await alice.shareFuture(["bob"]);
    await alice.shareFuture(["bob"]);
    same(await alice.sharingFuture(), ["bob"]);
    const { id, bytes } = await alice.encrypt("standing", { shareWith: ["carol"] });
    equal((await bob.decrypt(bytes)).data, "standing");
    await alice.stopSharingFuture(["bob"]);
    await alice.stopSharingFuture(["bob"]);
    equal(await outcome(bob.decrypt((await alice.encrypt("later")).bytes)), "ERR_NO_ACCESS");
    await alice.identities.setNamed("alice", "plan", id);
    equal(await alice.identities.getNamed("alice", "plan"), id);
    await alice.identities.setNamed("alice", "plan", null);
    equal(await alice.identities.getNamed("alice", "plan"), undefined);
    await bob.remove([id]);
    equal(await outcome(bob.decrypt(bytes)), "ERR_NO_ACCESS");
    equal((await carol.decrypt(bytes)).data, "standing");
    await code(carol.remove([id], { hard: true }), "ERR_FORBIDDEN");
    await alice.remove([id], { hard: true });
    equal(await outcome(alice.decrypt(bytes)), "ERR_NO_ACCESS");
    equal(await outcome(carol.decrypt(bytes, { fresh: true })), "ERR_NO_ACCESS");
    const alone = await alice.encrypt("alone");
    // Whoever tries again as long as that may help would do so for ever.
    equal((await code(alice.remove([alone.id]), "ERR_CONFLICT")).retryable, false);
  },

  "access is asked for shown and given once": async ({ vault, equal, ok, same, code, rejects }) => {
    const { alice, shop } = await people(vault, "groups-access", "alice", "shop");
    const asked = await shop.identities.requestAccess({ login: "alice", application: "shop", scope: "your address" });
    const waiting = asked.wait();
    const shown = [];
    const stop = alice.identities.onAccessRequest((request) => {
      shown.push(request);
      return { answer: new TextEncoder().encode("Main Street 1") };
    });
    const { answer, author } = await waiting;
    equal(new TextDecoder().decode(answer), "Main Street 1");
    same(author, { login: "alice", verified: false });
    stop();
    same(shown.map(({ application, scope, verified }) => ({ application, scope, verified })), [{ application: "shop", scope: "your address", verified: false }]);
    await code(asked.wait(), "ERR_NOT_FOUND");
    const other = await shop.identities.requestAccess({ login: "alice" });
    const late = await other.wait({ timeoutMs: 20 }).catch(({ name }) => name);
    equal(late, "TimeoutError");
    const controller = new AbortController();
    const aborted = other.wait({ signal: controller.signal });
    controller.abort();
    equal(await aborted.catch(({ name }) => name), "AbortError");
    const { items } = await alice.identities.listAccess("alice", { limit: 1 });
    equal(items[0].id, other.id);
    await alice.identities.resolveAccess(items[0], { refuse: true });
    await code(other.wait(), "ERR_FORBIDDEN");
    equal((await code(alice.identities.resolveAccess(items[0], { refuse: true }), "ERR_CONFLICT")).retryable, false);
    // Several may listen, in tabs or in processes: one answers, and the others find it answered.
    const stops = [1, 2, 3].map((n) => alice.identities.onAccessRequest(() => ({ answer: Uint8Array.of(n) })));
    const third = await shop.identities.requestAccess({ login: "alice" });
    ok([1, 2, 3].includes((await third.wait()).answer[0]));
    stops.forEach((stop) => stop());
    await code(alice.identities.resolveAccess(items[0], {}), "ERR_BAD_INPUT");
  },

  "a report of revoking names the groups through which somebody still reads": async ({ vault, equal, same }) => {
    const { alice, bob } = await people(vault, "groups-still", "alice", "bob", "carol");
    await alice.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["alice", "bob"] });
    await alice.identities.create({ login: "clinic", kind: "group" }, { sharingGroup: ["ward"] });
    const { id, bytes } = await alice.encrypt("x", { shareWith: ["bob", "clinic"] });
    await alice.encrypt("y", { id, shareWith: ["bob"] });
    const dry = await alice.revoke([id], "bob", { dryRun: true });
    same([dry.stillThrough, dry.losing], [[{ item: id, path: ["clinic", "ward", "bob"] }], undefined]);
    const report = await alice.revoke([id], "bob");
    same([report.items, report.stillGranted, report.stillThrough], [[id], [], dry.stillThrough]);
    equal((await bob.decrypt(bytes)).data, "x");
    same((await alice.revoke([id], "clinic")).stillThrough, []);
    same((await alice.revoke([id], "bob")).stillThrough, []);
    equal(await outcome(bob.decrypt(bytes, { fresh: true })), "ERR_NO_ACCESS");
  },

  "somebody who gave twice is named once in a report": async ({ vault, same }) => {
    const { alice, bob, carol } = await people(vault, "groups-twice", "alice", "bob", "carol");
    const { id } = await alice.encrypt("x", { shareWith: ["bob"] });
    await bob.giveAccess([id], "carol");
    await alice.encrypt("y", { id });
    await bob.giveAccess([id], "carol");
    const report = await carol.revoke([id], "bob");
    same([report.items, report.stillGranted], [[], [{ item: id, by: "alice" }]]);
  },

  "unknown logins are all listed wherever they are named": async ({ vault, same }) => {
    const { alice } = await people(vault, "groups-unknown", "alice");
    await alice.identities.create({ login: "ward" });
    const missing = async (work) => (await work().catch((error) => error)).logins;
    same(await missing(() => alice.identities.extendSharingGroup("ward", ["x", "alice", "y"])), ["x", "y"]);
    same(await missing(() => alice.identities.create({ login: "w2" }, { sharingGroup: ["y", "x"] })), ["x", "y"]);
    same(await missing(() => alice.identities.getLatestPublicKeys(["alice", "y", "x"])), ["y", "x"]);
    same(await missing(() => alice.shareFuture(["z"])), ["z"]);
  },

  "a trust policy decides and one that fails refuses": async ({ vault, equal, same, code }) => {
    const name = "groups-policy";
    await people(vault, name, "bob", "carol");
    const asked = [];
    let answer = async () => "trust";
    const trust = (question) => {
      asked.push([question.login, question.state, question.chained, question.pinned?.version]);
      return answer(question);
    };
    const regrant = await Regrant.open({ name, store: "memory", application: "groups", trust });
    const alice = await regrant.connect({ login: "alice", ...vault("alice") });
    await alice.encrypt("x", { shareWith: ["bob"] });
    await alice.encrypt("y", { shareWith: ["bob"] });
    same(asked, [["bob", "unverified", true, undefined]]);
    answer = () => false;
    await code(alice.encrypt("x", { shareWith: ["carol"] }), "ERR_IDENTITY_CHANGED");
    equal(await alice.trust.state("carol"), "changed");
    equal((await alice.trust.candidates("carol")).length, 0);
    // A person decides otherwise.
    await alice.trust.verify("carol", await alice.trust.verificationCode("carol"));
    await alice.encrypt("x", { shareWith: ["carol"] });
    const lost = await Regrant.open({ name, store: "memory", application: "groups" });
    await lost.connect({ login: "bob", ...vault("bob anew") }, { reset: true });
    answer = () => true;
    await alice.encrypt("x", { shareWith: ["bob"] });
    same(asked.at(-1), ["bob", "changed", false, 1]);
  },

  "of two who exclude somebody at once one wins and the other tries again": async ({ vault, equal, same, ok }) => {
    const { alice, bob, carol, dave } = await people(vault, "groups-race", "alice", "bob", "carol", "dave");
    await alice.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["alice", "bob", "carol", "dave"] });
    const outcomes = await Promise.allSettled([
      alice.identities.replaceSharingGroup("ward", ["alice", "bob", "dave"]),
      bob.identities.replaceSharingGroup("ward", ["alice", "bob", "carol"]),
    ]);
    const lost = outcomes.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
    same(lost.map(({ code }) => code), ["ERR_CONFLICT"]);
    ok(lost[0].retryable, "it says that trying again helps");
    await bob.identities.replaceSharingGroup("ward", ["alice", "bob"]);
    const { bytes } = await alice.encrypt("after", { shareWith: ["ward"] });
    equal((await bob.decrypt(bytes)).data, "after");
    for (const gone of [carol, dave]) equal(await outcome(gone.decrypt(bytes)), "ERR_NO_ACCESS");
  },

  "a new device knows whose codes were compared, and a group that was compared vouches as author": async ({ vault, equal, same }) => {
    const { alice, bob, carol } = await people(vault, "groups-pins", "alice", "bob", "carol");
    await carol.identities.create({ login: "ward", kind: "group" });
    for (const login of ["bob", "ward"]) {
      await alice.trust.verify(login, await (login === "bob" ? bob : carol).trust.qrPayload(login));
    }
    const tablet = await (await Regrant.open({ name: "groups-pins", store: "memory", application: "groups" })).connect({ login: "alice", ...vault("alice") });
    same([await tablet.trust.state("bob"), await tablet.trust.state("ward"), await tablet.trust.state("carol")], ["verified", "verified", "unverified"]);
    const { bytes } = await (await carol.identities.as("ward")).encrypt("signed", { shareWith: ["alice"], sign: true });
    same((await tablet.decrypt(bytes)).author, { login: "ward", verified: true, by: "signature" });
    await carol.identities.renewKeys("ward");
    equal(await tablet.trust.state("ward"), "verified");
  },

  "a trust policy that throws, answers nonsense or never answers refuses": async ({ vault, equal, code, place, until }) => {
    const uncaught = [];
    const note = (event) => {
      event.preventDefault?.();
      uncaught.push((event.error ?? event).message);
    };
    if (place === "browser") addEventListener("error", note);
    else process.on("uncaughtException", note);
    const real = globalThis.setTimeout;
    // Half a minute passes at once.
    globalThis.setTimeout = (work, ms, ...rest) => real(work, ms === 30_000 ? 1 : ms, ...rest);
    try {
      const answers = {
        bob: () => { throw new Error("of the policy"); },
        carol: () => "perhaps",
        dave: () => new Promise(() => {}),
        erin: async () => Promise.reject(new Error("later")),
      };
      await people(vault, "groups-failing", ...Object.keys(answers));
      const trust = ({ login }) => answers[login]();
      const regrant = await Regrant.open({ name: "groups-failing", store: "memory", application: "groups", trust });
      const alice = await regrant.connect({ login: "alice", ...vault("alice") });
      for (const login of Object.keys(answers)) {
        await code(alice.encrypt("x", { shareWith: [login] }), "ERR_IDENTITY_CHANGED");
        equal(await alice.trust.state(login), "changed");
      }
      await until(() => uncaught.length === 4, "each is reported");
      equal((await alice.encrypt("for oneself")).version, 1);
    } finally {
      globalThis.setTimeout = real;
      if (place === "browser") removeEventListener("error", note);
      else process.off("uncaughtException", note);
    }
  },

  "access logs come in pages, newest first, and are filtered": async ({ vault, equal, same }) => {
    const { alice, bob, carol } = await people(vault, "groups-logs", "alice", "bob", "carol");
    const one = await alice.encrypt("one", { shareWith: ["bob", "carol"] });
    const two = await alice.encrypt("two", { shareWith: ["bob"] });
    for (const { bytes } of [one, two, one]) await bob.decrypt(bytes, { reason: "audit" });
    // With a reason it is noted at once.
    await carol.decrypt(one.bytes, { reason: "a look" });
    const all = [];
    for (let cursor; ;) {
      const page = await alice.identities.accessLogs({ limit: 1, cursor });
      all.push(...page.items);
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    same(all.map(({ login, item }) => [login, item === one.id]), [["carol", true], ["bob", true], ["bob", false], ["bob", true]]);
    equal((await alice.identities.accessLogs({ login: "bob", item: one.id })).items.length, 2);
    equal((await alice.identities.accessLogs({ reason: "audit" })).items.length, 3);
    equal((await carol.identities.accessLogs()).items.length, 1);
  },

  "a member hears of what a group is given, once it acted for it": async ({ vault, equal, until }) => {
    const { alice, bob } = await people(vault, "groups-hear", "alice", "bob");
    await alice.identities.create({ login: "ward", kind: "group" });
    const heard = [];
    alice.on("granted", () => heard.push("granted"));
    const first = await bob.encrypt("first", { shareWith: ["ward"] });
    equal((await alice.decrypt(first.bytes)).data, "first");
    heard.length = 0;
    await bob.encrypt("second", { shareWith: ["ward"] });
    await until(() => heard.includes("granted"), "alice did not hear of what the ward was given");
  },

  "whoever is excluded from a group that acts for them keeps their own login": async ({ vault, code, equal }) => {
    const { alice, bob } = await people(vault, "groups-own-login", "alice", "bob");
    await alice.identities.create({ login: "admins", kind: "group" }, { sharingGroup: ["alice", "bob"] });
    await bob.identities.extendSharingGroup("bob", ["admins"]);
    const before = await bob.encrypt("mine");
    await alice.identities.replaceSharingGroup("admins", ["alice"]);
    await code(bob.identities.as("admins"), "ERR_FORBIDDEN");
    const again = await (await Regrant.open({ name: "groups-own-login", store: "memory", application: "groups" })).connect({ login: "bob", ...vault("bob") });
    equal((await again.decrypt(before.bytes)).data, "mine");
    await again.encrypt("still himself");
  },

  "a password that a member set for a group falls with the member, and nobody is left without a way in": async ({ vault, code }) => {
    const { alice, bob } = await people(vault, "groups-password", "alice", "bob");
    const connect = async (secret) => (await Regrant.open({ name: "groups-password", store: "memory", application: "groups" })).connect({ login: "ward", ...secret });
    await alice.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["alice", "bob"], secret: "the first password" });
    await (await bob.identities.as("ward")).changeSecret(vault("bob's own"));
    await connect(vault("bob's own"));
    await alice.identities.replaceSharingGroup("ward", ["alice"]);
    await code(connect(vault("bob's own")), "ERR_WRONG_SECRET");
    await code(alice.identities.replaceSharingGroup("ward", []), "ERR_NO_RECIPIENT");
    await alice.identities.renewKeys("ward", { secret: "the next password" });
    await connect({ password: "the next password" });
  },

  "what one acted as is closed behind a lock": async ({ vault, code, equal }) => {
    const { alice } = await people(vault, "groups-lock", "alice");
    await alice.identities.create({ login: "ward", kind: "group" });
    const sealed = await (await alice.identities.as("ward")).encrypt("the ward's");
    const acting = await alice.identities.as("ward");
    await alice.lock();
    await code(acting.decrypt(sealed.bytes), "ERR_NOT_CONNECTED");
    await code(alice.decrypt(sealed.bytes), "ERR_LOCKED");
    await alice.unlock(vault("alice"));
    equal((await alice.decrypt(sealed.bytes)).data, "the ward's");
  },

  "whoever takes a removed login has nothing of what was, and is changed to those who knew it": async ({ vault, code, same, equal }) => {
    const { alice, bob } = await people(vault, "groups-removed", "alice", "bob");
    await alice.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["alice", "bob"] });
    const his = await bob.encrypt("bob's", { shareWith: ["alice", "ward"] });
    const hers = await alice.encrypt("alice's", { shareWith: ["bob"] });
    equal((await bob.decrypt(hers.bytes)).data, "alice's");
    equal((await alice.decrypt(his.bytes)).data, "bob's");
    await bob.identities.remove("bob");
    const anew = await (await Regrant.open({ name: "groups-removed", store: "memory", application: "groups" })).connect({ login: "bob", ...vault("another bob") });
    equal((await anew.identities.get("bob")).version, 2);
    for (const hard of [true, false]) await code(anew.remove([his.id], { hard }), "ERR_NO_ACCESS");
    await code(anew.whoCanRead(his.id), "ERR_NO_ACCESS");
    await code(anew.decrypt(hers.bytes), "ERR_NO_ACCESS");
    await code(anew.identities.as("ward"), "ERR_FORBIDDEN");
    await code(anew.identities.getSharingGroup("ward"), "ERR_FORBIDDEN");
    same((await anew.identities.accessLogs()).items, []);
    equal(await alice.trust.state("bob"), "changed");
    await code(alice.encrypt("x", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
    equal((await alice.decrypt(his.bytes)).data, "bob's");
    await alice.trust.verify("bob", await anew.trust.verificationCode("bob"));
    await alice.identities.extendSharingGroup("ward", ["bob"]);
    equal((await anew.identities.as("ward")).login, "ward");
  },

  "names, shares and profiles outlive the keys that said them": async ({ vault, equal, same }) => {
    const { alice, bob } = await people(vault, "groups-said", "alice", "bob");
    await alice.identities.create({ login: "ward", kind: "group", name: "Ward 7", payload: { beds: 12 } }, { sharingGroup: ["alice", "bob"] });
    const plan = await alice.encrypt("the plan", { shareWith: ["ward"] });
    await alice.identities.setNamed("ward", "plan", plan.id);
    await (await alice.identities.as("ward")).shareFuture(["alice"]);
    await alice.identities.renewKeys("ward");
    await alice.identities.replaceSharingGroup("ward", ["bob"]);
    equal(await bob.identities.getNamed("ward", "plan"), plan.id);
    const acting = await bob.identities.as("ward");
    same(await acting.sharingFuture(), ["alice"]);
    const { name, payload, version } = await bob.identities.get("ward");
    same([name, payload, version], ["Ward 7", { beds: 12 }, 3]);
    const sealed = await acting.encrypt("for alice, too");
    equal((await alice.decrypt(sealed.bytes)).data, "for alice, too");
  },
};
