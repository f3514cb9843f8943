// Whose key is whose, and what is given to whom: attacks that succeeded once, each a test of its own whose name says what
// the client does.
import { Regrant } from "regrant";
import { createRelay, createStore, forger, sealAnswer } from "regrant/testing";
import { pair, read, world } from "../world.mjs";
import { answering } from "../trust.mjs";

export const variants = ["programs"];

export const scenarios = {
  "access that is given back is what was between the two, whatever options are given": async ({ code, equal, ok, same, vault }) => {
    const w = await world(["alice", "bob", "carol"]);
    const ours = await w.alice.session.encrypt("ours", { shareWith: ["bob"] });
    const back = await w.bob.session.encrypt("from bob", { shareWith: ["alice"] });
    const diary = await w.bob.session.encrypt("diary");
    const carols = await w.carol.session.encrypt("carol's secret", { shareWith: ["bob"] });
    equal(await read(w.bob.session, carols.bytes), "carol's secret");
    const fresh = await (await Regrant.open({ application: "regrant", relay: w.relay, store: "memory" })).connect({ login: "alice", ...vault(5) }, { reset: true });
    const verificationCode = await fresh.trust.verificationCode("alice");
    const key = fresh.publicKey.encryption;
    const give = (o) => w.bob.session.giveAccessBackTo("alice", key, { verificationCode, ...o });
    const grants = () => w.relay.keys.filter((key) => key.startsWith("grant/")).length;
    const before = grants();
    for (const o of [{ until: new Date(Date.now() + 60_000) }, { items: [ours.id, diary.id] }]) await code(give(o), "ERR_BAD_INPUT");
    await fresh.refresh();
    for (const { bytes } of [ours, back, diary, carols]) await code(fresh.decrypt(bytes), "ERR_NO_ACCESS");
    // The way that is left gives all that was between the two, names it, and gives nothing else.
    const receipt = await give({});
    const pair = w.relay.keys.filter((key) => key.startsWith("exchange/")).map((key) => w.relay.read(key).exchange);
    const between = pair.filter(({ delegator, delegate }) => [delegator, delegate].sort().join() === "alice,bob").map(({ id }) => id);
    same([...receipt.exchanges].sort(), between.sort());
    ok(receipt.exchanges.length === 2 && receipt.slots.length === 0 && grants() === before);
    await fresh.refresh();
    equal(await read(fresh, ours.bytes), "ours");
    equal(await read(fresh, back.bytes), "from bob");
    for (const { bytes } of [diary, carols]) await code(fresh.decrypt(bytes), "ERR_NO_ACCESS");
  },

  "an answer to a request for access is by the one who was asked, or it is refused": async ({ code, equal, same }) => {
    const w = await world(["alice", "shop", "carol"]);
    const carol = await w.forge("carol");
    const answered = async (answer) => {
      const asked = await w.shop.session.identities.requestAccess({ login: "alice", scope: "account" });
      const record = w.relay.read(`request/${asked.id}`);
      w.relay.write(`request/${asked.id}`, { ...record, status: "resolved", answer: await answer(record.request) });
      return asked;
    };
    const forged = new TextEncoder().encode("pay to the relay");
    const alice = await w.forge("alice");
    for (const answer of [
      (request) => sealAnswer(request, forged),
      (request) => carol.answer(request, forged),
      (request) => carol.answer(request, forged, "alice"),
      // What she answered to another request.
      (request) => alice.answer({ ...request, id: crypto.randomUUID() }, forged),
    ]) {
      const asked = await answered(answer);
      await code(asked.wait({ timeoutMs: 5000 }), "ERR_VERIFICATION_FAILED");
      await code(asked.wait({ timeoutMs: 5000 }), "ERR_NOT_FOUND");
    }
    // Her own is hers, and says whether her code was compared.
    const open = (said) => [new TextDecoder().decode(said.answer), said.author];
    same(open(await (await answered((request) => alice.answer(request, forged))).wait()), ["pay to the relay", { login: "alice", verified: false }]);
    await w.shop.session.trust.verify("alice", await w.alice.session.trust.verificationCode("alice"));
    const asked = await w.shop.session.identities.requestAccess({ login: "alice" });
    await w.alice.session.identities.resolveAccess(asked, { answer: new TextEncoder().encode("Main Street 1") });
    same(open(await asked.wait()), ["Main Street 1", { login: "alice", verified: true }]);
    equal(asked.status, "fetched");

    // Keys that she replaced answer nothing any more, whoever has them.
    await w.alice.session.identities.renewKeys();
    await w.shop.session.refresh();
    await code((await answered((request) => alice.answer(request, forged))).wait(), "ERR_VERIFICATION_FAILED");

    // Of keys without proof the answer waits for the code: it is given once, and was taken.
    const fresh = await (await Regrant.open({ application: "regrant", relay: w.relay, store: "memory" })).connect({ login: "alice", keyPair: await pair(3) }, { reset: true });
    const anew = await forger("alice", await pair(3), w.keyset("alice"));
    const late = await answered((request) => anew.answer(request, forged));
    await code(late.wait(), "ERR_IDENTITY_CHANGED");
    await w.shop.session.trust.verify("alice", await fresh.trust.verificationCode("alice"));
    same(open(await late.wait()), ["pay to the relay", { login: "alice", verified: true }]);
  },

  "what a reader and the relay show to a third person does not open as if its giver had given it": async ({ code, equal, same }) => {
    const w = await world(["alice", "bob", "carol"]);
    const { bytes, id } = await w.bob.session.encrypt("for alice alone", { shareWith: ["alice"] });
    await w.carol.session.trust.verify("bob", await w.bob.session.trust.verificationCode("bob"));
    const { who, key, exchange, grant, items } = await w.taken("bob", "alice");
    const carol = w.keyset("carol");
    const [name, { wraps }] = w.exchange("bob", "alice");
    // As it is, with one more wrap; and as an exchange key for Carol, which its commitment fits.
    const altered = (await who.exchange(carol, { delegator: "bob", id: exchange.id, key })).exchange;
    const records = [exchange, altered, { ...altered, signature: exchange.signature, delegatorFingerprint: exchange.delegatorFingerprint, recipients: exchange.recipients }];
    for (const [n, record] of records.entries()) {
      const shown = { exchange: record, wraps: [...wraps, await who.wrap(record, key, carol)] };
      const stop = w.carol.view.misbehave("alter", { kind: "exchange", change: (was, at) => (at === name ? shown : was) });
      w.tell("carol", { exchange: exchange.id });
      w.tell("carol", { grant: grant.id });
      for (const session of [w.carol.session, await w.carol.again()]) {
        await session.refresh();
        await code(session.decrypt(bytes), "ERR_NO_ACCESS", `record ${n}`);
        await code(session.giveAccess([id], "alice"), "ERR_NO_ACCESS", `record ${n}`);
      }
      stop();
    }
    // What she gives on she gives in her own name.
    const own = await who.exchange(carol);
    w.plant("carol", { exchange: own.exchange, wraps: [await who.wrap(own.exchange, own.key, carol)], grant: await who.grant(own.exchange, own.key, items) });
    await w.carol.session.refresh();
    const opened = await w.carol.session.decrypt(bytes);
    same([opened.data, opened.author], ["for alice alone", { login: "alice", verified: false, by: "grant" }]);
    equal(await read(w.alice.session, bytes), "for alice alone");
  },

  "a locked session shows no code, whatever its store says": async ({ code, equal, ok, vault }) => {
    const w = await world(["alice", "bob"]);
    await w.alice.session.trust.verify("bob", await w.bob.session.trust.verificationCode("bob"));
    const real = await w.alice.session.trust.verificationCode("alice");
    const own = w.alice.store.snapshot();
    // Somebody who can write to the store: to one of text, anything that runs in the page can.
    const theirs = createStore();
    const relay = createRelay();
    await (await Regrant.open({ application: "regrant", relay, store: theirs })).connect({ login: "alice", ...vault(7) });
    for (const records of [theirs.snapshot(), own]) {
      w.alice.store.restore(records);
      const session = await (await w.alice.open()).resume("alice");
      ok(session.locked);
      for (const login of ["alice", "bob"]) {
        await code(session.trust.verificationCode(login), "ERR_LOCKED");
        await code(session.trust.qrPayload(login), "ERR_LOCKED");
        await code(session.trust.verify(login, real), "ERR_LOCKED");
      }
    }
    equal(await (await w.alice.again()).trust.verificationCode("alice"), real);
  },

  "pages without end are not followed, nor a log that goes in a circle": async ({ code, equal, ok }) => {
    const w = await world(["alice", "bob"]);
    const { bytes } = await w.bob.session.encrypt("hello", { shareWith: ["alice"] });
    await w.bob.session.encrypt("again", { shareWith: ["alice"] });
    equal(await read(w.alice.session, bytes), "hello");
    // The number of the last entry is smaller than those of entries that are there.
    const { storage } = w.alice.view;
    const real = storage.read.bind(storage);
    let behind = 0;
    storage.read = async (questions) => (await real(questions)).map((answer, at) => (questions[at].head === undefined ? answer : (behind++, 1)));
    for (let n = 0; n < 2; n++) await w.alice.session.refresh();
    storage.read = real;
    ok(behind > 0);
    await w.alice.session.refresh();
    equal(await read(w.alice.session, bytes), "hello");

    const lying = async (login, lie) => (await Regrant.open({ application: "regrant", relay: answering(w.relay, lie), store: "memory" })).connect({ login, keyPair: w[login].keyPair });
    const { id } = await w.alice.session.encrypt("ours", { shareWith: ["bob"] });
    const paged = {
      notifications: [{ notifications: [] }, (session) => session.notifications.pendingAfter(0)],
      revocations: [{ revocations: [] }, (session) => session.encrypt("next", { id, ifVersion: 1 })],
    };
    for (const [op, [empty, work]] of Object.entries(paged)) {
      // One page for ever, two that lead to each other, and ever more.
      for (const next of [() => "on", (cursor) => (cursor === "on" ? "back" : "on"), () => crypto.randomUUID()]) {
        let pages = 0;
        const session = await lying("bob", (asked) => (asked.op === op ? (pages++, { reply: op, ...empty, cursor: next(asked.cursor) }) : undefined));
        await code(work(session), "ERR_RELAY_UNAVAILABLE", op);
        ok(pages > 0 && pages <= 256, `${pages} pages of ${op}`);
      }
    }
    // A log that goes on and on, and one that goes in a circle.
    for (const [next, most, ends] of [[(after) => after + 256, 5000, false], [(after) => (after > 0 ? after - 1 : 5), 16, true]]) {
      let pages = 0;
      const session = await lying("alice", (asked) => (asked.op === "sync" ? (pages++, { reply: "events", events: [{ asked: crypto.randomUUID() }], next: next(asked.after), more: true }) : undefined));
      // One that went back is read from where it ends now.
      if (ends) await session.refresh();
      else await code(session.refresh(), "ERR_RELAY_UNAVAILABLE");
      ok(pages > 0 && pages < most, `${pages} pages`);
    }
  },

  "no message proposes to delete what may be the last copy of keys": async ({ code, ok }) => {
    const w = await world(["alice"]);
    const forgetful = createRelay();
    const open = () => Regrant.open({ application: "regrant", relay: forgetful, store: w.alice.store });
    const connecting = await code((await open()).connect({ login: "alice", keyPair: w.alice.keyPair }), "ERR_IDENTITY_NOT_FOUND");
    w.relay.write(w.relay.of("identity", "alice"), undefined);
    const going = await code(w.alice.session.refresh(), "ERR_IDENTITY_NOT_FOUND");
    for (const { message } of [connecting, going]) ok(!/loseKeys|reset/.test(message) && /Nothing was changed/.test(message), message);
  },

  "two files are never sealed under one key and nonce, whatever the store loses or brings back": async ({ equal, ok, readAll, rejects }) => {
    const w = await world(["alice"]);
    const { session, store } = w.alice;
    const sealed = [];
    const note = (content) => {
      for (const key of w.relay.keys.filter((key) => key.startsWith("upload/"))) {
        const bytes = w.relay.part(key.split("/")[1], "0000000001");
        if (bytes) sealed.push({ content, bytes: bytes.slice() });
      }
    };
    const file = (fill) => new File([new Uint8Array(100_000).fill(fill)], "scan.dcm");
    const stopped = (fill, o) => rejects(session.store(file(fill), { ...o, onProgress: (done) => { if (done > 0) throw new Error("the tab closes"); } }));
    await session.encrypt("so that the store has what it needs");
    const before = store.snapshot();
    await stopped(1);
    note(1);
    // What was known of the segment is gone; then all that was known of it comes back as it was at an earlier time.
    const lost = Object.keys(store.records).filter((key) => /^upload\/.+\/0$/.test(key));
    ok(lost.length === 1, `${Object.keys(store.records)}`);
    const known = store.snapshot();
    for (const key of lost) store.set(key, undefined);
    await stopped(2);
    note(2);
    store.restore(known);
    await stopped(3);
    note(3);
    store.restore(before);
    const { id } = await session.store(file(4));
    sealed.push({ content: 4, bytes: w.relay.part(id, "0000000001") });
    // Under one key and nonce, two ciphertexts differ just where their contents do.
    for (const [n, a] of sealed.entries()) {
      for (const b of sealed.slice(n + 1).filter((b) => b.content !== a.content)) {
        ok(!a.bytes.slice(0, 64).every((byte, at) => (byte ^ b.bytes[at]) === (a.content ^ b.content)), `${a.content} and ${b.content} are under one key`);
      }
    }
    ok(new Set(sealed.map(({ content }) => content)).size === 4);
    equal((await readAll((await session.retrieve(id)).stream))[0], 4);
    // The same file goes on where it stopped, also where the store lost how far it was; a signed one begins anew.
    const uploads = () => w.relay.keys.filter((key) => key.startsWith("upload/")).map((key) => key.split("/")[1]);
    const had = uploads();
    await stopped(5);
    const [begun] = uploads().filter((item) => !had.includes(item));
    for (const key of Object.keys(store.records)) if (key.startsWith(`upload/${begun}/`)) store.set(key, undefined);
    equal((await session.store(file(5))).id, begun);
    const earlier = uploads();
    await stopped(6, { sign: true });
    const [signed] = uploads().filter((item) => !earlier.includes(item));
    ok((await session.store(file(6), { sign: true })).id !== signed);
  },

  "what Object.prototype was given decides nothing": async ({ code, equal, same }) => {
    const w = await world(["alice", "bob", "mallory"]);
    const { session } = w.alice;
    /** Does something while every object seems to have some properties. */
    const polluted = async (properties, work) => {
      for (const [key, value] of Object.entries(properties)) Object.defineProperty(Object.prototype, key, { value, configurable: true, writable: true });
      try {
        return await work();
      } finally {
        for (const key of Object.keys(properties)) delete Object.prototype[key];
      }
    };
    const readers = async (id) => (await session.whoCanRead(id)).map(({ login }) => login);
    const pollution = { shareWith: ["mallory"], sharingGroup: ["mallory"], payload: { x: 1 }, kind: "group", sign: true };
    const made = await polluted(pollution, async () => {
      const none = await session.encrypt("nothing said");
      const some = await session.encrypt("something said", { pad: true });
      const [many] = await session.encryptMany([{ data: "many" }]);
      const stream = await session.encryptStream({ length: 0 });
      await Promise.all([new Response(stream.transform.readable).arrayBuffer(), stream.transform.writable.close()]);
      const stored = await session.store(new Blob(["file"]));
      await session.identities.create({ login: "ward" });
      await session.identities.update({ login: "ward", name: "Ward" });
      return { none, some, ids: [none.id, some.id, many.id, stream.id, stored.id] };
    });
    for (const id of made.ids) same(await readers(id), ["alice"]);
    equal((await session.decrypt(made.none.bytes)).author.by, "grant");
    same((await session.identities.getSharingGroup("ward")).map(({ login }) => login), ["alice"]);
    const { kind, name, payload } = await session.identities.get("ward");
    same([kind, name, payload], ["user", "Ward", undefined]);

    const given = await session.encrypt("for bob", { shareWith: ["bob"] });
    await polluted({ until: new Date(Date.now() + 60_000), hard: true, dryRun: true }, async () => {
      await session.giveAccess([made.some.id], "bob");
      await w.bob.session.remove([given.id]);
      await session.revoke([made.none.id], "bob");
    });
    equal((await session.whoCanRead(made.some.id)).find(({ login }) => login === "bob").until, undefined);
    equal(await read(session, given.bytes), "for bob");

    // Nor does it begin keys anew, or give access back to keys that nobody compared.
    const wrong = { login: "alice", keyPair: await pair(3) };
    const elsewhere = async () => Regrant.open({ application: "regrant", relay: w.relay, store: "memory" });
    await polluted({ reset: true }, async () => code((await elsewhere()).connect(wrong), "ERR_UNKNOWN_KEY"));
    const fresh = await (await elsewhere()).connect(wrong, { reset: true });
    const back = () => w.bob.session.giveAccessBackTo("alice", fresh.publicKey.encryption);
    await polluted({ unverified: true }, () => code(back(), "ERR_VERIFICATION_FAILED"));
    const spoken = await fresh.trust.verificationCode("alice");
    await polluted({ verificationCode: spoken }, () => code(back(), "ERR_VERIFICATION_FAILED"));
    await polluted({ refuse: true, cursor: "x" }, async () => {
      const page = await w.bob.session.identities.list();
      equal(Object.hasOwn(page, "cursor"), false);
    });
  },

  "what a relay sees of a password is of no use at another, and a relay can move": async ({ code, equal, ok, vault }) => {
    const seen = (relay) => relay.read("identity/alice").keysets[0].secrets[0].hash;
    const registered = async (o) => {
      const relay = createRelay();
      const session = await (await Regrant.open({ application: "clinic", store: "memory", relay, ...o(relay) })).connect({ login: "alice", ...vault(1) });
      return { relay, session };
    };
    const here = await registered(() => ({ relayId: "https://here.example" }));
    const there = await registered(() => ({ relayId: "https://there.example" }));
    ok(seen(here.relay) !== seen(there.relay), "one secret for two relays");
    // An object says itself what it is called; where nobody says it, it is no application's either.
    const methods = (relay) => Object.fromEntries(["call", "putParts", "getParts", "subscribe"].map((name) => [name, relay[name].bind(relay)]));
    const named = await registered((relay) => ({ relay: { ...methods(relay), origin: "https://here.example" } }));
    equal(seen(named.relay), seen(here.relay));
    equal(seen((await registered(() => ({ name: "a" }))).relay), seen((await registered(() => ({ name: "b" }))).relay));

    // The relay moves to another address, with all that it keeps: `relayId` stays, and so do the passwords.
    const { bytes } = await here.session.encrypt("kept");
    const moved = createRelay();
    moved.restore(here.relay.snapshot());
    const at = { ...methods(moved), origin: "https://new.example" };
    const open = (o) => Regrant.open({ application: "clinic", store: "memory", relay: at, ...o });
    await code((await open()).connect({ login: "alice", ...vault(1) }), "ERR_WRONG_SECRET");
    const session = await (await open({ relayId: "https://here.example" })).connect({ login: "alice", ...vault(1) });
    equal(await read(session, bytes), "kept");

    for (const o of [undefined, { name: "x" }, { application: undefined }, { application: "cafe\u0301" }, { application: "a\u0007" }, { application: "clinic", relayId: "cafe\u0301" }]) {
      await code(Regrant.open(o), "ERR_BAD_INPUT");
    }
  },

  "whoever is named as having written a list of key slots, or made keys, signed them": async ({ code, equal }) => {
    const w = await world(["alice", "bob"]);
    await w.alice.session.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["alice"] });
    const device = async () => Regrant.open({ application: "regrant", relay: w.alice.view, store: "memory" });
    const connect = async () => (await device()).connect({ login: "alice", keyPair: w.alice.keyPair });
    const changed = (login, change) => w.alice.view.misbehave("alter-identity", { login, change: ({ keysets: [own, ...later], ...rest }) => ({ ...rest, keysets: [change(own), ...later] }) });
    const of = w.relay.read(w.relay.of("identity", "bob")).keysets[0].manifest.authorSignature;
    let stop = changed("alice", (own) => ({ ...own, manifest: { ...own.manifest, authorSignature: of } }));
    await code(connect(), "ERR_VERIFICATION_FAILED");
    stop();
    const ward = (await connect()).identities;
    for (const change of [
      (own) => ({ ...own, manifest: { ...own.manifest, authorSignature: of } }),
      (own) => ({ ...own, keyset: { ...own.keyset, makerSignature: of } }),
    ]) {
      stop = changed("ward", change);
      await code((await connect()).identities.getSharingGroup("ward"), "ERR_VERIFICATION_FAILED");
      stop();
    }
    equal((await ward.getSharingGroup("ward"))[0].login, "alice");
  },
};
