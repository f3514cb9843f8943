// The relay that lies, one act after the other (protocol section 11). Each scenario is a test of its own, whose name
// says what the client does.
import { Regrant, generateKeyPair } from "regrant";
import { createStore, forger, sealEnvelope } from "regrant/testing";
import { elsewhere, pair, read, world } from "../world.mjs";


export const scenarios = {
  "a swapped key of a known identity is refused as changed, and nothing is encrypted to it": async ({ code, equal, same, vault }) => {
    const w = await world(["alice", "bob"]);
    const sealed = await w.alice.session.encrypt("for bob", { shareWith: ["bob"] });
    const stranger = await elsewhere("bob", vault(7));
    const stop = w.alice.view.misbehave("swap-identity", { login: "bob", from: stranger.relay });
    await w.alice.session.refresh();
    equal(await w.alice.session.trust.state("bob"), "changed");
    const error = await code(w.alice.session.encrypt("secret", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
    same(error.logins, ["bob"]);
    await code(w.alice.session.giveAccess([sealed.id], "bob"), "ERR_IDENTITY_CHANGED");
    // And after a reload, from the pins that rest.
    equal(await (await w.alice.again()).trust.state("bob"), "changed");
    stop();
    equal(await read(w.bob.session, sealed.bytes), "for bob");
  },

  "a key swapped at first use is unverified, and its code is another": async ({ code, equal, ok, vault }) => {
    const w = await world(["alice", "bob"]);
    const stranger = await elsewhere("bob", vault(7));
    w.alice.view.misbehave("swap-identity", { login: "bob", from: stranger.relay });
    equal(await w.alice.session.trust.state("bob"), "unverified");
    const real = await w.bob.session.trust.verificationCode("bob");
    ok((await w.alice.session.trust.verificationCode("bob")) !== real);
    await code(w.alice.session.trust.verify("bob", real), "ERR_VERIFICATION_FAILED");
  },

  "an older version of an identity is refused as rolled back": async ({ code, equal }) => {
    const w = await world(["alice", "bob"]);
    const before = w.relay.snapshot();
    await w.bob.session.identities.renewKeys();
    const { bytes } = await w.alice.session.encrypt("for the new keys", { shareWith: ["bob"] });
    w.alice.view.misbehave("old-identity", { login: "bob", at: before });
    for (const session of [w.alice.session, await w.alice.again()]) {
      equal(await session.trust.state("bob"), "changed");
      await code(session.encrypt("no", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
    }
    equal(await read(w.bob.session, bytes), "for the new keys");
  },

  "older slots and manifests of one's own are refused as rolled back": async ({ code, equal, vault }) => {
    const w = await world(["alice"]);
    const { session, store } = w.alice;
    await session.changeSecret(vault(1));
    const before = w.relay.snapshot();
    await session.changeSecret(vault(2));
    // This device saw the newer list: the password that was replaced does not open it again by the relay's doing.
    w.alice.view.misbehave("old-identity", { login: "alice", at: before });
    const open = async (secret) => (await Regrant.open({ application: "regrant", relay: w.alice.view, store })).connect({ login: "alice", ...secret });
    await code(open(vault(1)), "ERR_VERIFICATION_FAILED");
    await code(open({ keyPair: w.alice.keyPair }), "ERR_VERIFICATION_FAILED");
    w.alice.view.behave();
    equal((await open(vault(2))).login, "alice");
  },

  "a rival version with a valid chain is shown as forked, and nothing is sealed to either": async ({ code, equal }) => {
    const w = await world(["alice", "bob"]);
    await w.alice.session.encrypt("x", { shareWith: ["bob"] });
    // A thief of bob's old keys continues the chain; so does bob.
    const rival = await (await w.forge("bob")).nextKeyset(await pair(3));
    await w.bob.session.identities.renewKeys();
    await w.alice.session.encrypt("y", { shareWith: ["bob"] });
    w.alice.view.misbehave("alter-identity", {
      login: "bob",
      change: ({ keysets }) => ({ keysets: [keysets[0], { ...keysets[1], keyset: rival }] }),
    });
    await w.alice.session.refresh();
    equal(await w.alice.session.trust.state("bob"), "forked");
    await code(w.alice.session.encrypt("z", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
    w.alice.view.behave();
    await code(w.alice.session.encrypt("z", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
  },

  "new keys without a chain are shown as changed": async ({ code, equal, same }) => {
    const w = await world(["alice", "bob"]);
    await w.alice.session.encrypt("x", { shareWith: ["bob"] });
    const next = await (await w.forge("bob")).nextKeyset(await pair(3), { chain: false });
    w.alice.view.misbehave("alter-identity", { login: "bob", change: ({ keysets }) => ({ keysets: [...keysets, { ...keysets[0], keyset: next }] }) });
    await code(w.alice.session.encrypt("z", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
    equal(await w.alice.session.trust.state("bob"), "changed");
    same((await w.alice.session.trust.candidates("bob")).map((key) => key.version), [2]);
  },

  "an altered keyset is refused": async ({ code }) => {
    const w = await world(["alice", "bob"]);
    for (const [field, value] of [["created", 5], ["version", 2], ["suite", 2], ["login", "eve"], ["signingKey", w.keyset("alice").signingKey], ["encryptionKey", w.keyset("alice").encryptionKey]]) {
      const stop = w.alice.view.misbehave("alter-identity", {
        login: "bob",
        change: ({ keysets }) => ({ keysets: [{ ...keysets[0], keyset: { ...keysets[0].keyset, [field]: value } }] }),
      });
      const refused = field === "suite" ? "ERR_UNSUPPORTED_VERSION" : "ERR_VERIFICATION_FAILED";
      await code((await w.alice.again()).encrypt("x", { shareWith: ["bob"] }), refused, field);
      stop();
    }
  },

  "chunks of a file that were changed, cut, swapped, moved or lost fail to open": async ({ code, equal, readAll }) => {
    const w = await world(["alice"]);
    const { session, view } = w.alice;
    const file = (fill) => new Blob([new Uint8Array(600_000).fill(fill)]);
    const [one, two] = [await session.store(file(1), { sign: true }), await session.store(file(2), { sign: true })];
    const all = async () => (await readAll((await session.retrieve(one.id)).stream)).length;
    equal(await all(), 600_000);
    const part = { head: "head", hashes: "hashes", trailer: "trailer", one: "0000000001", three: "0000000003" };
    const flip = (bytes) => bytes.map((byte, at) => (at === 70 ? byte ^ 1 : byte));
    for (const name of Object.values(part)) {
      for (const change of [flip, (bytes) => bytes.slice(0, -1), (bytes) => bytes.slice(1), () => new Uint8Array(0)]) {
        const stop = view.misbehave("alter-parts", { item: one.id, change: (bytes, found) => (found === name ? change(bytes) : bytes) });
        await code(all(), "ERR_CORRUPT", name);
        stop();
      }
    }
    for (const [from, to] of [["0000000001", "0000000002"], ["0000000003", "0000000001"], [part.hashes, part.trailer]]) {
      const stop = view.misbehave("swap-parts", { item: one.id, from, to });
      await code(all(), "ERR_CORRUPT");
      stop();
    }
    let stop = view.misbehave("mix-items", { item: one.id, from: two.id });
    await code(all(), "ERR_CORRUPT");
    stop();
    for (const names of [["0000000002"], [part.head], [part.hashes]]) {
      stop = view.misbehave("lose-parts", { item: one.id, names });
      await code(all(), "ERR_RELAY_UNAVAILABLE");
      stop();
    }
    stop = view.misbehave("lose-parts", { item: one.id, names: [part.trailer] });
    await code(all(), "ERR_CORRUPT");
    stop();
    equal(await all(), 600_000);
  },

  "content that a reader put in an item's place fails to open": async ({ code, equal, readAll, same }) => {
    const w = await world(["alice", "bob", "carol"]);
    const real = await w.alice.session.encrypt("pay 10", { shareWith: ["bob", "carol"] });
    const { items } = await w.taken("alice", "bob");
    const forged = await sealEnvelope({ ...items[0], data: "pay 99" });
    for (const { session } of [w.alice, w.bob, w.carol]) await code(session.decrypt(forged.bytes), "ERR_CORRUPT");
    const stream = async (bytes) => new TextDecoder().decode(await readAll(new Blob([bytes]).stream().pipeThrough(w.carol.session.decryptStream())));
    await code(stream(forged.bytes), "ERR_CORRUPT");
    equal(await stream(real.bytes), "pay 10");
    same((await w.carol.session.decrypt(real.bytes)).author.login, "alice");
  },

  "under that reader's own grant it opens, with that reader as its author": async ({ equal, same }) => {
    const w = await world(["alice", "bob", "carol"]);
    await w.alice.session.encrypt("pay 10", { shareWith: ["bob", "carol"] });
    const { who, items } = await w.taken("alice", "bob");
    const forged = await sealEnvelope({ ...items[0], data: "pay 99" });
    const { exchange, key } = await who.exchange(w.keyset("carol"));
    const grant = await who.grant(exchange, key, [{ ...items[0], digest: forged.digest }]);
    w.plant("carol", { exchange, wraps: [await who.wrap(exchange, key, w.keyset("carol"))], grant });
    const opened = await w.carol.session.decrypt(forged.bytes);
    same([opened.data, opened.author.login, opened.author.by], ["pay 99", "bob", "grant"]);
    equal(opened.author.verified, false);
  },

  "a ciphertext or a grant made to open under two keys does not fit its commitment": async ({ code, equal }) => {
    const w = await world(["alice", "bob"]);
    const { who, items } = await (await w.alice.session.encrypt("real", { shareWith: ["bob"] }), w.taken("alice", "bob"));
    const other = crypto.getRandomValues(new Uint8Array(32));
    // Sealed under one key, committed to another, and granted with either.
    for (const key of [items[0].key, other]) {
      const item = { id: crypto.randomUUID(), version: 1, key };
      const forged = await sealEnvelope({ ...item, data: "two faces", commitTo: key === other ? items[0].key : other });
      const made = await who.exchange(w.keyset("alice"));
      const grant = await who.grant(made.exchange, made.key, [{ ...item, digest: forged.digest }]);
      w.plant("alice", { exchange: made.exchange, wraps: [await who.wrap(made.exchange, made.key, w.keyset("alice"))], grant });
      await code(w.alice.session.decrypt(forged.bytes), "ERR_CORRUPT");
    }
    // An exchange key that is not the one of its commitment.
    const item = { id: crypto.randomUUID(), version: 1, key: other };
    const honest = await sealEnvelope({ ...item, data: "two keys" });
    const two = await who.exchange(w.keyset("alice"), { commitTo: other });
    w.plant("alice", {
      exchange: two.exchange,
      wraps: [await who.wrap(two.exchange, two.key, w.keyset("alice"))],
      grant: await who.grant(two.exchange, two.key, [{ ...item, digest: honest.digest }]),
    });
    await code(w.alice.session.decrypt(honest.bytes), "ERR_NO_ACCESS");
    const good = await who.exchange(w.keyset("alice"));
    w.plant("alice", {
      exchange: good.exchange,
      wraps: [await who.wrap(good.exchange, good.key, w.keyset("alice"))],
      grant: await who.grant(good.exchange, good.key, [{ ...item, digest: honest.digest }]),
    });
    equal(await read(w.alice.session, honest.bytes), "two keys");
  },

  "planted wraps and grants hide no real one": async ({ equal }) => {
    const w = await world(["alice", "bob"]);
    const { bytes } = await w.alice.session.encrypt("for bob", { shareWith: ["bob"] });
    for (const key of w.relay.keys.filter((key) => key.startsWith("exchange/"))) {
      const { exchange, wraps } = w.relay.read(key);
      const junk = wraps.map((wrap) => ({ ...wrap, wrapped: "A".repeat(wrap.wrapped.length) }));
      w.relay.write(key, { exchange, wraps: [...junk, ...wraps] });
    }
    for (const key of w.relay.keys.filter((key) => key.startsWith("grant/"))) {
      const { grant } = w.relay.read(key);
      w.plant("bob", { grant: { ...grant, id: crypto.randomUUID(), created: grant.created + 60_000 } });
      w.plant("bob", { grant: { ...grant, id: crypto.randomUUID(), exchange: crypto.randomUUID(), created: grant.created + 60_000 } });
    }
    equal(await read(w.bob.session, bytes), "for bob");
    equal(await read(await w.bob.again(), bytes), "for bob");
    const next = await w.alice.session.encrypt("under the real one", { shareWith: ["bob"] });
    equal(await read(w.bob.session, next.bytes), "under the real one");
  },

  "another pair's wrap does not open when it is re-attributed": async ({ code }) => {
    const w = await world(["alice", "bob", "carol"]);
    const { bytes } = await w.alice.session.encrypt("for bob", { shareWith: ["bob"] });
    await w.bob.session.encrypt("for carol", { shareWith: ["carol"] });
    const [, source] = w.exchange("alice", "bob");
    const [key, target] = w.exchange("bob", "carol");
    w.relay.write(key, { ...target, wraps: source.wraps });
    await code(w.carol.session.decrypt(bytes), "ERR_NO_ACCESS");
    w.relay.write(key, { exchange: { ...source.exchange, delegator: "bob", delegate: "carol" }, wraps: source.wraps });
    await code((await w.carol.again()).decrypt(bytes), "ERR_NO_ACCESS");
  },

  "an exchange key that somebody else planted is never sealed under": async ({ code, equal }) => {
    const w = await world(["alice", "bob", "carol"]);
    // The relay and carol make an exchange key in alice's name, wrapped for everyone.
    const carol = await w.forge("carol");
    const { exchange, key } = await carol.exchange(w.keyset("bob"), { delegator: "alice" });
    const wraps = await Promise.all(["alice", "bob", "carol"].map((login) => carol.wrap(exchange, key, w.keyset(login))));
    w.plant("alice", { exchange: { ...exchange, created: 1 }, wraps });
    w.plant("bob", { exchange: { ...exchange, created: 1 }, wraps });
    await w.alice.session.refresh();
    const { bytes } = await w.alice.session.encrypt("not for carol", { shareWith: ["bob"] });
    equal(w.find("grant", ({ grant }) => grant.exchange === exchange.id), undefined);
    equal(await read(w.bob.session, bytes), "not for carol");
    await code(w.carol.session.decrypt(bytes), "ERR_NO_ACCESS");
  },

  "a grant in a contact's name by keys of the relay's own is not believed": async ({ code, vault }) => {
    const w = await world(["alice", "bob"]);
    await w.bob.session.encrypt("real", { shareWith: ["alice"] });
    await w.alice.session.trust.state("bob");
    const stranger = await elsewhere("bob", { keyPair: await pair(3) });
    const impostor = await forger("bob", await pair(3), stranger.relay.read("identity/bob").keysets[0].keyset);
    const item = { id: crypto.randomUUID(), version: 1, key: crypto.getRandomValues(new Uint8Array(32)) };
    const forged = await sealEnvelope({ ...item, data: "I am bob" });
    const { exchange, key } = await impostor.exchange(w.keyset("alice"));
    w.plant("alice", {
      exchange,
      wraps: [await impostor.wrap(exchange, key, w.keyset("alice"))],
      grant: await impostor.grant(exchange, key, [{ ...item, digest: forged.digest }]),
    });
    w.alice.view.misbehave("swap-identity", { login: "bob", from: stranger.relay });
    await code(w.alice.session.decrypt(forged.bytes), "ERR_IDENTITY_CHANGED");
    await code((await w.alice.again()).decrypt(forged.bytes), "ERR_IDENTITY_CHANGED");
  },

  "a slot that the relay planted is in no signed list, and nothing is opened": async ({ code, equal }) => {
    const w = await world(["alice"]);
    const { bytes } = await w.alice.session.encrypt("mine");
    const stranger = await elsewhere("alice", { keyPair: await pair(3) });
    const planted = stranger.relay.read("identity/alice").keysets[0].slots[0];
    const stop = w.alice.view.misbehave("alter-identity", {
      login: "alice",
      change: ({ keysets: [own] }) => ({ keysets: [{ ...own, slots: [...own.slots, planted] }] }),
    });
    const onNewDevice = async () => (await Regrant.open({ application: "regrant", relay: w.alice.view, store: "memory" })).connect({ login: "alice", keyPair: w.alice.keyPair });
    await code(onNewDevice(), "ERR_VERIFICATION_FAILED");
    stop();
    equal(await read(await onNewDevice(), bytes), "mine");
  },

  "a relay that asks for access back itself gets nothing without the compared code": async ({ code, equal, ok, vault }) => {
    const w = await world(["alice", "bob"]);
    const { bytes } = await w.alice.session.encrypt("ours", { shareWith: ["bob"] });
    equal(await read(w.bob.session, bytes), "ours");
    const stranger = await elsewhere("alice", vault(7));
    w.bob.view.misbehave("swap-identity", { login: "alice", from: stranger.relay });
    const key = stranger.session.publicKey.encryption;
    await code(w.bob.session.giveAccessBackTo("alice", key), "ERR_VERIFICATION_FAILED");
    const real = await w.alice.session.trust.verificationCode("alice");
    await code(w.bob.session.giveAccessBackTo("alice", key, { verificationCode: real }), "ERR_VERIFICATION_FAILED");
    await code(w.bob.session.giveAccessBackTo("alice", key, { verificationCode: "1".repeat(30) }), "ERR_VERIFICATION_FAILED");
    const fingerprints = w.relay.keys.filter((key) => key.startsWith("exchange/")).flatMap((key) => w.relay.read(key).wraps.map((wrap) => wrap.recipient));
    ok(fingerprints.length > 0 && !fingerprints.includes(stranger.relay.read("identity/alice").keysets[0].keyset.maker.fingerprint));
    w.bob.view.behave();
    equal(await read(w.bob.session, bytes), "ours");
  },

  "a forged, altered or replayed notification is ignored": async ({ equal, same, vault }) => {
    const w = await world(["alice", "bob"]);
    await w.alice.session.encrypt("ours", { shareWith: ["bob"] });
    const fresh = await (await Regrant.open({ application: "regrant", relay: w.relay, store: "memory" })).connect({ login: "alice", ...vault(5) }, { reset: true });
    const pending = async () => (await w.bob.session.notifications.pendingAfter(0)).map((n) => n.properties.dataOwnerConcernedPubKey);
    same(await pending(), [fresh.publicKey.encryption]);
    const before = w.relay.snapshot();
    const [key, real] = w.find("notification", ({ notification }) => notification.recipient === "bob");
    for (const change of [
      { created: real.notification.created + 1 },
      { sender: "carol" },
      { senderFingerprint: w.keyset("bob").maker.fingerprint },
      { sealed: `${real.notification.sealed.slice(0, -4)}AAAA` },
      { signature: "A".repeat(86) },
      { id: crypto.randomUUID() },
    ]) {
      const stop = w.bob.view.misbehave("alter", { kind: "notification", change: (record) => ({ ...record, notification: { ...record.notification, ...change } }) });
      same(await pending(), [], Object.keys(change)[0]);
      stop();
    }
    // Of keys that newer ones replaced meanwhile: played again, it says nothing.
    await fresh.identities.renewKeys();
    await w.bob.session.refresh();
    w.relay.write(key, before.records.get(key) && JSON.parse(before.records.get(key).value));
    const shown = await pending();
    equal(shown.includes(fresh.publicKey.encryption) || shown.length === 0, true);
  },

  "a final notification does not come back to pending": async ({ code, equal, same, vault }) => {
    const w = await world(["alice", "bob"]);
    await w.alice.session.encrypt("ours", { shareWith: ["bob"] });
    await (await Regrant.open({ application: "regrant", relay: w.relay, store: "memory" })).connect({ login: "alice", ...vault(5) }, { reset: true });
    const [notification] = await w.bob.session.notifications.pendingAfter(0);
    await w.bob.session.notifications.setStatus(notification.id, "cancelled");
    await code(w.bob.session.notifications.setStatus(notification.id, "pending"), "ERR_CONFLICT");
    same(await w.bob.session.notifications.pendingAfter(0), []);
    equal((await w.bob.session.notifications.get(notification.id)).status, "cancelled");
  },

  "an unknown suite is refused as a newer version, and weak derivation is never asked of the relay": async ({ code, equal, ok, rejects, vault }) => {
    const w = await world(["alice", "bob"]);
    const { who, items } = await (await w.alice.session.encrypt("x", { shareWith: ["bob"] }), w.taken("alice", "bob"));
    const newer = await sealEnvelope({ ...items[0], data: "x", suite: 2 });
    await code(w.alice.session.decrypt(newer.bytes), "ERR_UNSUPPORTED_VERSION");
    const { exchange, key } = await who.exchange(w.keyset("alice"));
    const grant = await who.grant(exchange, key, items, { suite: 2 });
    w.plant("alice", { exchange, wraps: [await who.wrap(exchange, key, w.keyset("alice"))], grant });
    await rejects(w.alice.session.refresh().then(() => w.alice.session.decrypt(newer.bytes)));
    // Whatever the relay says of a derivation changes nothing: the same password still opens the same keys.
    await w.bob.session.changeSecret(vault(3));
    w.bob.view.misbehave("alter-identity", {
      login: "bob",
      change: ({ keysets }) => ({ kdf: { name: "pbkdf2", iterations: 1 }, keysets: keysets.map((k) => ({ ...k, kdf: { name: "argon2id", memoryKiB: 4e9, iterations: 1 } })) }),
    });
    const again = await (await Regrant.open({ application: "regrant", relay: w.bob.view, store: "memory" })).connect({ login: "bob", ...vault(3) });
    equal(again.isNew, false);
    ok((await again.encrypt("works")).bytes.length > 0);
  },

  "a device with keys does not register again when the relay says that its user does not exist": async ({ code, equal }) => {
    const w = await world(["alice"]);
    const { bytes } = await w.alice.session.encrypt("mine");
    const stop = w.alice.view.misbehave("deny-identity", { login: "alice" });
    await code(w.alice.again(), "ERR_IDENTITY_NOT_FOUND");
    await code(w.alice.again({ reset: true }), "ERR_IDENTITY_NOT_FOUND");
    stop();
    equal(await read(await w.alice.again(), bytes), "mine");
  },

  "a contact that the relay denies is named, and nothing is written": async ({ code, same }) => {
    const w = await world(["alice", "bob"]);
    w.alice.view.misbehave("deny-identity", { login: "bob" });
    const before = w.relay.keys.length;
    const error = await code(w.alice.session.encrypt("x", { shareWith: ["bob", "nobody"] }), "ERR_IDENTITY_NOT_FOUND");
    same([...error.logins].sort(), ["bob", "nobody"]);
    same(w.relay.keys.filter((key) => key.startsWith("grant/")).length, 0);
    same(w.relay.keys.length, before);
  },

  "a relay that does not answer loses nothing, says so, and can be asked again": async ({ code, equal, ok }) => {
    const w = await world(["alice", "bob"]);
    const { bytes } = await w.alice.session.encrypt("x", { shareWith: ["bob"] });
    const stop = w.alice.view.misbehave("unavailable");
    const error = await code(w.alice.session.encrypt("y", { shareWith: ["bob"] }), "ERR_RELAY_UNAVAILABLE");
    ok(error.retryable);
    await code(w.alice.again(), "ERR_RELAY_UNAVAILABLE");
    ok(w.alice.store.records["session/alice"]);
    stop();
    equal(await read(w.alice.session, bytes), "x");
    w.alice.view.delay(30);
    equal(await read(await w.alice.again(), bytes), "x");
  },

  "what a relay holds back stays closed until it is told, and opens nothing that was not given": async ({ code, equal }) => {
    const w = await world(["alice", "bob"]);
    const first = await w.alice.session.encrypt("first", { shareWith: ["bob"] });
    equal(await read(w.bob.session, first.bytes), "first");
    const stop = w.bob.view.misbehave("hold-back", { login: "bob", after: 2 });
    const second = await w.alice.session.encrypt("second", { shareWith: ["bob"] });
    await code(w.bob.session.decrypt(second.bytes), "ERR_NO_ACCESS");
    stop();
    equal(await read(w.bob.session, second.bytes), "second");
  },

  "a revocation that is kept back leaves the old version readable, and the next one closed": async ({ code, equal, same }) => {
    const w = await world(["alice", "bob"]);
    const first = await w.alice.session.encrypt("first", { shareWith: ["bob"] });
    equal(await read(w.bob.session, first.bytes), "first");
    const before = w.relay.snapshot();
    const report = await w.alice.session.revoke([first.id], "bob");
    same([report.items, report.stillUnderOldKey], [[first.id], [first.id]]);
    const second = await w.alice.session.encrypt("second", { id: first.id });
    // Bob is shown the world as it was before, and whatever of the new one helps him.
    w.bob.view.misbehave("alter", { kind: "grant", change: (value, key) => (before.records.has(key) ? JSON.parse(before.records.get(key).value) : value) });
    await code((await w.bob.again()).decrypt(second.bytes), "ERR_NO_ACCESS");
  },

  "a revoked grant that is put back before the next version is sealed carries nobody over": async ({ code, same }) => {
    const w = await world(["alice", "bob"]);
    const first = await w.alice.session.encrypt("first", { shareWith: ["bob"] });
    const before = w.relay.snapshot();
    await w.alice.session.revoke([first.id], "bob");
    for (const [key, { value, index }] of before.records) if (key.startsWith("grant/")) w.relay.write(key, JSON.parse(value), index);
    same((await w.alice.session.whoCanRead(first.id)).map(({ login }) => login), ["alice", "bob"]);
    // It is genuine, and alice's device remembers that she ended it.
    const second = await (await w.alice.again()).encrypt("second", { id: first.id });
    same(second.dropped, []);
    await code((await w.bob.again()).decrypt(second.bytes), "ERR_NO_ACCESS");
  },

  "readers that a relay and a reader invent are not carried over to the next version": async ({ code, equal, same }) => {
    const w = await world(["alice", "bob", "carol"]);
    const first = await w.alice.session.encrypt("first", { shareWith: ["bob"] });
    // Bob passes the item on to carol, as any reader can; alice's next version is not for her.
    await w.bob.session.giveAccess([first.id], "carol");
    equal(await read(w.carol.session, first.bytes), "first");
    const second = await w.alice.session.encrypt("second", { id: first.id });
    same(second.dropped, ["carol"]);
    await code(w.carol.session.decrypt(second.bytes), "ERR_NO_ACCESS");
    equal(await read(w.bob.session, second.bytes), "second");
  },

  "a relay that goes back to a backup is read anew": async ({ code, equal }) => {
    const w = await world(["alice", "bob"]);
    const backup = w.relay.snapshot();
    for (let i = 0; i < 5; i++) await w.alice.session.encrypt(`lost ${i}`, { shareWith: ["bob"] });
    await w.bob.session.refresh();
    w.relay.restore(backup);
    const { bytes } = await (await w.alice.again()).encrypt("after the backup", { shareWith: ["bob"] });
    equal(await read(w.bob.session, bytes), "after the backup");
    await code(w.bob.session.decrypt(new Uint8Array(150)), "ERR_CORRUPT");
  },
};
