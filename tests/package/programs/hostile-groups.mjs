// The relay that lies about identities, their sharing groups and what they say, alone or with a former member of a group
// (protocol section 11). Each scenario is a test of its own, whose name says what the client does.
import { Regrant, generateKeyPair } from "regrant";
import { elsewhere, read, world } from "../world.mjs";
import { device, saidBy } from "../trust.mjs";

/** Takes minutes in each: in others when they are asked for. */
export const engines = ["chromium"];

const refusal = (promise) => promise.then(() => "nothing", ({ code }) => code);

/** Alice and bob with eve in a ward, dave outside; then alice excludes eve, who keeps her keys. */
async function ward({ exclude = true } = {}) {
  const w = await world(["alice", "bob", "eve", "dave"]);
  await w.alice.session.identities.create({ login: "ward", kind: "group", name: "Ward" }, { sharingGroup: ["alice", "bob", "eve"] });
  await w.dave.session.encrypt("for the ward", { shareWith: ["ward"] });
  const before = w.relay.snapshot();
  const own = () => w.relay.read("identity/ward").keysets;
  const [first] = own();
  // What eve has for ever: the keys of version 1.
  const former = await (await w.forge("eve")).openShared(first);
  if (exclude) await w.alice.session.identities.replaceSharingGroup("ward", ["alice", "bob"]);
  return { ...w, before, first, former, own };
}

/** Shows the ward's record changed. */
const altered = (w, view, change) => view.misbehave("alter-identity", { login: "ward", change });

export const scenarios = {
  "an older list of sharers is refused as rolled back": async ({ code, same }) => {
    const w = await ward({ exclude: false });
    await w.alice.session.identities.extendSharingGroup("ward", ["dave"]);
    const logins = async (session) => (await session.identities.getSharingGroup("ward")).map(({ login }) => login);
    same(await logins(w.bob.session), ["alice", "bob", "dave", "eve"]);
    const stop = w.bob.view.misbehave("old-identity", { login: "ward", at: w.before });
    await code(w.bob.session.identities.getSharingGroup("ward"), "ERR_VERIFICATION_FAILED");
    // And after a reload, from what rests.
    await code((await w.bob.again()).identities.getSharingGroup("ward"), "ERR_VERIFICATION_FAILED");
    stop();
    same(await logins(w.bob.session), ["alice", "bob", "dave", "eve"]);
  },

  "two lists of sharers with one number are refused as forked": async ({ code }) => {
    const w = await ward({ exclude: false });
    await w.bob.session.identities.getSharingGroup("ward");
    const { former, first } = w;
    const rival = await former.forger.manifest(first.manifest, first.slots.slice(1), first.manifest.counter);
    altered(w, w.bob.view, (account) => (Object.assign(account.keysets[0], { manifest: rival, slots: first.slots.slice(1) }), account));
    await code(w.bob.session.identities.getSharingGroup("ward"), "ERR_VERIFICATION_FAILED");
  },

  "a member that the relay plants is in no signed list, and is refused": async ({ code, ok }) => {
    const w = await ward();
    const sealed = await w.dave.session.encrypt("after", { shareWith: ["ward"] });
    const plant = (account) => {
      const { manifest } = account.keysets.at(-1);
      const dave = { login: "dave", fingerprint: w.relay.read("exchange/" + w.exchange("dave", "ward")[1].exchange.id).exchange.delegatorFingerprint };
      manifest.slots.push({ ...manifest.slots[0], id: crypto.randomUUID(), holder: dave });
      return account;
    };
    altered(w, w.alice.view, plant);
    await code(w.alice.session.identities.getSharingGroup("ward"), "ERR_VERIFICATION_FAILED");
    const readers = await w.alice.session.whoCanRead(sealed.id).catch(({ code }) => code);
    ok(readers === "ERR_VERIFICATION_FAILED" || !readers.some(({ path }) => path.join() === "ward,dave"));
  },

  "an edge that the relay invents opens nothing": async ({ code, equal }) => {
    const w = await ward();
    const sealed = await w.alice.session.encrypt("after", { shareWith: ["ward"] });
    w.relay.write("edge/eve/ward", "ward");
    w.relay.write("edge/dave/ward", "ward");
    await code(w.eve.session.identities.as("ward"), "ERR_NO_ACCESS");
    await code(w.dave.session.identities.as("ward"), "ERR_NO_ACCESS");
    equal(await refusal(w.eve.session.decrypt(sealed.bytes)), "ERR_NO_ACCESS");
  },

  "with a former member, a list of the old version names nobody in the new one": async ({ same, equal }) => {
    const w = await ward();
    const { former, first } = w;
    const me = await former.forger.slotFor(w.keyset("dave", 1), former.keysetKey);
    const [old] = w.own();
    const slots = [...old.slots, me];
    const manifest = await former.forger.manifest(old.manifest, slots);
    for (const view of [w.alice.view, w.bob.view]) {
      altered(w, view, (account) => (Object.assign(account.keysets[0], { slots, manifest }), account));
    }
    same((await w.alice.session.identities.getSharingGroup("ward")).map(({ login }) => login), ["alice", "bob"]);
    const sealed = await w.alice.session.encrypt("after", { shareWith: ["ward"] });
    equal(await read(w.bob.session, sealed.bytes), "after");
    equal(await refusal(w.eve.session.decrypt(sealed.bytes)), "ERR_NO_ACCESS");
    equal(first.keyset.version, 1);
  },

  "with a former member, a rival version of a group is visible as forked, and nothing is sealed to it": async ({ code, equal, same, until }) => {
    const w = await ward();
    const keyPair = await generateKeyPair({ modulusLength: 2048 });
    const rival = await w.former.forger.nextKeyset(keyPair);
    const stop = altered(w, w.dave.view, (account) => ({ ...account, keysets: [account.keysets[0], { ...account.keysets[1], keyset: rival }] }));
    // Dave was away: to him the rival follows what he knows.
    equal(await w.dave.session.trust.state("ward"), "unverified");
    stop();
    const heard = [];
    w.dave.session.on("trust", (news) => heard.push(news));
    equal(await w.dave.session.trust.state("ward"), "forked");
    await code(w.dave.session.encrypt("no", { shareWith: ["ward"] }), "ERR_IDENTITY_CHANGED");
    const candidates = await w.dave.session.trust.candidates("ward");
    equal(candidates.length, 2);
    await until(() => heard.length > 0, "nobody heard of the fork");
    same(heard, [{ login: "ward", state: "forked" }]);
    // A person who compared codes decides.
    const real = await w.alice.session.identities.getLatestPublicKey("ward");
    await w.dave.session.trust.accept("ward", real.fingerprint);
    equal(await w.dave.session.trust.state("ward"), "unverified");
    const sealed = await w.dave.session.encrypt("yes", { shareWith: ["ward"] });
    equal(await read(w.bob.session, sealed.bytes), "yes");
    equal(await refusal(w.eve.session.decrypt(sealed.bytes)), "ERR_NO_ACCESS");
  },

  "with a former member, a sender who saw the new version is not held at the old one": async ({ code, equal }) => {
    const w = await ward();
    equal(await w.dave.session.trust.state("ward"), "unverified");
    w.dave.view.misbehave("old-identity", { login: "ward", at: w.before });
    equal(await w.dave.session.trust.state("ward"), "changed");
    await code(w.dave.session.encrypt("no", { shareWith: ["ward"] }), "ERR_IDENTITY_CHANGED");
  },

  "a group that the relay makes in place of a known one is changed, and nothing is encrypted for it": async ({ code, equal, vault }) => {
    const w = await ward();
    equal(await w.bob.session.trust.state("ward"), "unverified");
    const stranger = await elsewhere("bob", vault(7));
    await stranger.session.identities.create({ login: "ward", kind: "group" });
    w.bob.view.misbehave("swap-identity", { login: "ward", from: stranger.relay });
    equal(await w.bob.session.trust.state("ward"), "changed");
    // No slot there is for Bob's real keys.
    await code(w.bob.session.identities.as("ward"), "ERR_NO_ACCESS");
    await code(w.bob.session.identities.extendSharingGroup("ward", ["dave"]), "ERR_NO_ACCESS");
    await code(w.bob.session.encrypt("no", { shareWith: ["ward"] }), "ERR_IDENTITY_CHANGED");
  },

  "a profile that its identity did not sign is refused, and an older one, too": async ({ code, equal }) => {
    const w = await ward();
    equal((await w.dave.session.identities.get("ward")).name, "Ward");
    const key = "statement/ward/profile";
    const old = w.relay.read(key);
    w.relay.write(key, { ...old, body: JSON.stringify({ name: "Somebody", kind: "group" }) });
    await code(w.dave.session.identities.get("ward"), "ERR_VERIFICATION_FAILED");
    w.relay.write(key, old);
    await w.alice.session.identities.update({ login: "ward", name: "Ward 7" });
    equal((await w.dave.session.identities.get("ward")).name, "Ward 7");
    w.relay.write(key, old);
    await code(w.dave.session.identities.get("ward"), "ERR_VERIFICATION_FAILED");
    w.relay.write(key, undefined);
    await code(w.dave.session.identities.get("ward"), "ERR_VERIFICATION_FAILED");
  },

  "standing shares that the relay adds share nothing": async ({ code, equal, same }) => {
    const w = await ward();
    const { session } = w.alice;
    await session.shareFuture(["bob"]);
    const real = saidBy(w.relay, "alice");
    const { head, ...kept } = real["said/alice"];
    const piece = await (await w.forge("eve")).head(new Uint8Array(32), 9, [[["share", "eve"], JSON.stringify({ at: Date.now(), value: true })]]);
    const [[, planted], [at, sealed]] = Object.entries(piece);
    // Of a device that knows what was said, nothing else counts; and it says that anew.
    for (const body of ["{}", planted.head.body]) {
      w.relay.write(at.replace("/eve/", "/alice/"), sealed);
      w.relay.write("said/alice", { ...kept, head: { ...head, body } });
      const phone = await device(w.relay.view(), "alice", { keyPair: w.alice.keyPair });
      await code(phone.sharingFuture(), "ERR_VERIFICATION_FAILED");
      await session.refresh();
      const both = await session.encrypt("for bob");
      equal(await read(w.bob.session, both.bytes), "for bob");
      await code(w.eve.session.decrypt(both.bytes), "ERR_NO_ACCESS");
      same(await (await device(w.relay.view(), "alice", { keyPair: w.alice.keyPair })).sharingFuture(), ["bob"]);
    }
    await session.stopSharingFuture(["bob"]);
    // Served again, it is older than what was seen.
    for (const [key, value] of Object.entries(real)) w.relay.write(key, value);
    await session.refresh();
    const alone = await session.encrypt("alone");
    await code(w.bob.session.decrypt(alone.bytes), "ERR_NO_ACCESS");
    same(await session.sharingFuture(), []);
    equal(w.relay.keys.some((name) => name.startsWith("exchange/") && w.relay.read(name).exchange.delegate === "eve" && w.relay.read(name).exchange.delegator === "alice"), false);
  },

  "an older list of pins takes nothing back that was verified": async ({ equal }) => {
    const w = await ward();
    const old = saidBy(w.relay, "alice");
    const counter = () => w.relay.read("said/alice").head.counter;
    await w.alice.session.trust.verify("dave", await w.dave.session.trust.verificationCode("dave"));
    equal(counter() > old["said/alice"].head.counter, true);
    for (const [key, value] of Object.entries(old)) w.relay.write(key, value);
    await w.alice.session.refresh();
    equal(await w.alice.session.trust.state("dave"), "verified");
    // It is said again, for new devices, too.
    equal(counter() > old["said/alice"].head.counter + 1, true);
    equal(await (await device(w.relay.view(), "alice", { keyPair: w.alice.keyPair })).trust.state("dave"), "verified");
    equal(await (await w.alice.again()).trust.state("dave"), "verified");
  },

  "a request for access that was altered, or made in another's name, is left out and not answered": async ({ code, equal, same }) => {
    const w = await ward();
    const asked = await w.dave.session.identities.requestAccess({ login: "alice", scope: "address" });
    const key = `request/${asked.id}`;
    const real = w.relay.read(key);
    const [shown] = (await w.alice.session.identities.listAccess("alice")).items;
    equal(shown.scope, "address");
    for (const request of [{ ...real.request, scope: "everything" }, { ...real.request, application: { ...real.request.application, login: "bob" } }]) {
      w.relay.write(key, { ...real, request });
      same((await w.alice.session.identities.listAccess("alice")).items, []);
      await code(w.alice.session.identities.resolveAccess({ id: asked.id, login: "alice" }, { answer: new Uint8Array(1) }), "ERR_VERIFICATION_FAILED");
    }
    // An ephemeral key of the relay's own: the answer would be sealed to it.
    const { publicKey } = await generateKeyPair({ modulusLength: 2048 });
    const spki = btoa(String.fromCharCode(...publicKey.match(/../g).map((pair) => parseInt(pair, 16)))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    w.relay.write(key, { ...real, request: { ...real.request, ephemeralKey: spki } });
    await code(w.alice.session.identities.resolveAccess({ id: asked.id, login: "alice" }, { answer: new Uint8Array(1) }), "ERR_VERIFICATION_FAILED");
    w.relay.write(key, real);
    await w.alice.session.identities.resolveAccess({ id: asked.id, login: "alice" }, { answer: new Uint8Array([7]) });
    same((await asked.wait({ timeoutMs: 5000 })).answer, new Uint8Array([7]));
  },

  "another request in a request's place is left out and not answered": async ({ code, same }) => {
    const w = await ward();
    const first = await w.dave.session.identities.requestAccess({ login: "alice", scope: "address" });
    const other = await w.dave.session.identities.requestAccess({ login: "alice", scope: "everything" });
    w.relay.write(`request/${first.id}`, w.relay.read(`request/${other.id}`));
    await code(w.alice.session.identities.resolveAccess({ id: first.id, login: "alice" }, { answer: new Uint8Array(1) }), "ERR_RELAY_UNAVAILABLE");
    same((await w.alice.session.identities.listAccess("alice")).items.map(({ id }) => id).includes(first.id), false);
  },

  "with a former member, shares and names that the old keys say are nobody's, also on a new device": async ({ same, equal, code }) => {
    const w = await ward();
    const id = crypto.randomUUID();
    const at = Date.now() + 1000;
    const said = { share: [["share", "eve"], JSON.stringify({ at, value: true })], name: [["named", "plan"], JSON.stringify({ at, value: id })] };
    const forged = await w.former.forger.head(w.former.keysetKey, 9, Object.values(said));
    for (const [key, value] of Object.entries(forged)) w.relay.write(key, value);
    // A device that does not know what was said is told nothing, and says so; one that does goes on from that.
    for (const [session, knows] of [[await w.bob.again(), false], [w.alice.session, true]]) {
      const acting = await session.identities.as("ward");
      if (knows) same(await acting.sharingFuture(), []);
      else await code(acting.sharingFuture(), "ERR_VERIFICATION_FAILED");
      if (knows) equal(await acting.identities.getNamed("ward", "plan"), undefined);
      else await code(acting.identities.getNamed("ward", "plan"), "ERR_VERIFICATION_FAILED");
      same(session.warnings.map(({ kind, logins }) => [kind, logins]), knows ? [] : [["shares-withheld", ["ward"]]]);
      const sealed = await acting.encrypt("the ward's");
      equal(await read(w.alice.session, sealed.bytes), "the ward's");
      await code(w.eve.session.decrypt(sealed.bytes), "ERR_NO_ACCESS");
    }
  },

  "an identity that lists others with a slot that opens nothing keeps nobody from what their group was given": async ({ equal, same, code }) => {
    const w = await ward({ exclude: false });
    const sealed = await w.dave.session.encrypt("for the ward", { shareWith: ["ward", "eve"] });
    // Eve, who can read it, too: identities of her own, which sort before the ward.
    for (const login of ["a trap", "another trap"]) {
      await w.eve.session.identities.create({ login, kind: "group" }, { sharingGroup: ["eve"] });
      await w.eve.session.giveAccess([sealed.id], login);
      const account = w.relay.read(w.relay.of("identity", login));
      const { forger } = await (await w.forge("eve")).openShared(account.keysets[0]);
      const junk = [];
      for (const who of ["alice", "bob", "ward"]) junk.push(await forger.slotFor(w.keyset(who), crypto.getRandomValues(new Uint8Array(32))));
      const slots = [...account.keysets[0].slots, ...junk];
      Object.assign(account.keysets[0], { slots, manifest: await forger.manifest(account.keysets[0].manifest, slots) });
      w.relay.write(w.relay.of("identity", login), account);
      for (const who of ["alice", "bob", "ward"]) w.relay.write(`${w.relay.of("edge", who)}/${w.relay.of("", login).slice(1)}`, login);
    }
    equal(await read(await w.bob.again(), sealed.bytes), "for the ward");
    await code(w.bob.session.identities.as("a trap"), "ERR_NO_ACCESS");
    // Nor do they hide that the relay alters the way that there is.
    const stop = altered(w, w.bob.view, (account) => (account.keysets[0].manifest.counter++, account));
    await code((await w.bob.again()).decrypt(sealed.bytes), "ERR_VERIFICATION_FAILED");
    stop();
    // Nor from excluding Eve.
    await w.alice.session.identities.replaceSharingGroup("ward", ["alice", "bob"]);
    same((await w.bob.session.identities.getSharingGroup("ward")).map(({ login }) => login), ["alice", "bob"]);
    const after = await w.dave.session.encrypt("after", { shareWith: ["ward"] });
    equal(await read(w.bob.session, after.bytes), "after");
    await code(w.eve.session.decrypt(after.bytes), "ERR_NO_ACCESS");
  },

  "what a group's replaced keys give afterwards carries nobody over to a next version": async ({ code, equal, same }) => {
    const w = await ward({ exclude: false });
    const sealed = await w.alice.session.encrypt("for the ward", { shareWith: ["ward"] });
    const asWard = await w.alice.session.identities.as("ward");
    await asWard.giveAccess([sealed.id], "dave");
    const { forger } = w.former;
    const [, record] = w.exchange("alice", "ward");
    const [, { grant }] = w.find("grant", ({ grant }) => grant.exchange === record.exchange.id);
    const items = await forger.openGrant(grant, await forger.openExchange(record));
    await w.alice.session.identities.replaceSharingGroup("ward", ["alice", "bob"]);

    // In the ward's name, by the keys that eve has, dated before she was excluded.
    const { exchange, key } = await forger.exchange(w.keyset("eve"));
    const wraps = [await forger.wrap(exchange, key, w.keyset("eve")), await forger.wrap(exchange, key, w.keyset("ward", 1))];
    const forged = await forger.grant(exchange, key, items);
    for (const login of ["ward", "eve"]) w.plant(login, { exchange, wraps, grant: forged });
    equal(await read(w.eve.session, sealed.bytes), "for the ward");

    const next = await (await w.bob.session.identities.as("ward")).encrypt("next", { id: sealed.id, ifVersion: 1 });
    same(next.dropped, ["eve"]);
    await code(w.eve.session.decrypt(next.bytes), "ERR_NO_ACCESS");
    for (const who of ["alice", "bob", "dave"]) equal(await read(w[who].session, next.bytes), "next");
  },

  "a member whose keys the relay swaps is sealed to by the signed list, and not by what the relay shows": async ({ equal, code, ok, vault }) => {
    const w = await ward({ exclude: false });
    const stranger = await elsewhere("bob", vault(7));
    // Alice never met Bob on this device.
    const fresh = await Regrant.open({ application: "regrant", relay: w.alice.view, store: "memory" });
    const session = await fresh.connect({ login: "alice", keyPair: w.alice.keyPair });
    // Keys in place of his: those on the list are not there, and nothing is done.
    const stop = w.alice.view.misbehave("swap-identity", { login: "bob", from: stranger.relay });
    await code(session.identities.renewKeys("ward"), "ERR_IDENTITY_CHANGED");
    stop();
    equal(w.own().length, 1);
    // Keys after his, which his did not sign: the new version is sealed to those on the list.
    const planted = await (await w.forge("bob")).nextKeyset(await generateKeyPair({ modulusLength: 2048 }), { chain: false });
    let shown = 0;
    w.alice.view.misbehave("alter-identity", {
      login: "bob",
      change: (account) => (shown++, { ...account, keysets: [...account.keysets, { ...account.keysets[0], keyset: planted }] }),
    });
    await session.identities.renewKeys("ward");
    w.alice.view.behave();
    ok(shown > 0, "the planted keys were shown");
    const { slots } = w.own().at(-1);
    const his = slots.filter(({ holder }) => holder?.login === "bob").map(({ holder }) => holder.fingerprint);
    equal(his.join(), (await w.forge("bob")).fingerprint);
    const sealed = await w.dave.session.encrypt("after", { shareWith: ["ward"] });
    equal(await read(w.bob.session, sealed.bytes), "after");
    await code(stranger.session.decrypt(sealed.bytes), "ERR_NO_ACCESS");
  },

  "a stolen old key that repairs the chain gets no rights back by it": async ({ equal, code, vault }) => {
    const w = await world(["alice", "bob"]);
    const sealed = await w.alice.session.encrypt("old", { shareWith: ["bob"] });
    const anew = await (await Regrant.open({ application: "regrant", relay: w.relay, store: "memory" })).connect({ login: "alice", ...vault(5) }, { reset: true });
    const thief = await w.alice.again();
    const { encryption } = await thief.identities.getLatestPublicKey("alice");
    await thief.giveAccessBackTo("alice", encryption, { unverified: true, chain: true });
    await code(thief.encrypt("in her name"), "ERR_LOCKED");
    await code(thief.remove([sealed.id], { hard: true }), "ERR_FORBIDDEN");
    await code(thief.revoke([sealed.id], "bob"), "ERR_LOCKED");
    await code(thief.identities.renewKeys("alice"), "ERR_LOCKED");
    await code(thief.identities.update({ login: "alice", name: "Thief" }), "ERR_LOCKED");
    equal(await read(w.bob.session, sealed.bytes), "old");
    equal(await read(anew, sealed.bytes), "old");
  },

  "a slot made to open under two keys does not fit its commitment": async ({ code, equal }) => {
    const w = await ward({ exclude: false });
    await w.eve.session.identities.create({ login: "trap", kind: "group" }, { sharingGroup: ["eve"] });
    const list = async (options) => {
      const account = w.relay.read("identity/trap");
      const { forger, keysetKey } = await (await w.forge("eve")).openShared(account.keysets[0]);
      const slots = [...account.keysets[0].slots, await forger.slotFor(w.keyset("bob"), keysetKey, options)];
      Object.assign(account.keysets[0], { slots, manifest: await forger.manifest(account.keysets[0].manifest, slots) });
      w.relay.write("identity/trap", account);
      w.relay.write("edge/bob/trap", "trap");
    };
    await list({ commitTo: crypto.getRandomValues(new Uint8Array(32)) });
    await code(w.bob.session.identities.as("trap"), "ERR_NO_ACCESS");
    // With its own commitment the same slot opens.
    await list();
    equal((await w.bob.session.identities.as("trap")).login, "trap");
  },
};
