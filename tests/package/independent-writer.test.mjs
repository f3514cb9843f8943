// What the independent implementation (tests/independent/, written from docs/protocol.md) writes, read by the package.
// They meet in a relay in a directory and share no code.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { checkNotification, checkReceipt, makeNotification, openNotification } from "../independent/back.mjs";
import { sealBox } from "../independent/boxes.mjs";
import { verificationCode } from "../independent/code.mjs";
import { sealEnvelope } from "../independent/envelope.mjs";
import { makeExchange, makeGrant, makeWrap, openWrap } from "../independent/grants.mjs";
import { fingerprintOf, makeKeyset, ownPairSeed } from "../independent/keyset.mjs";
import { makeHead } from "../independent/heads.mjs";
import { Reader } from "../independent/reader.mjs";
import { readRelay, writeRelay } from "../independent/relay.mjs";
import { keypairSlot, makeManifest, newSecret, passwordSlot, relayHash, successorSlot } from "../independent/slots.mjs";
import { T, compound, text, toBase64url } from "../independent/transcript.mjs";
import { inHex, packed, rsaPair, sample, vault } from "../tools/packed.mjs";

let made;
let device;

before(async () => {
  made = await packed();
  ({ device } = made);
});

after(() => made?.remove());

describe("what the independent writer made, read by the package", () => {
  const secret = newSecret();
  const pairs = [rsaPair(), rsaPair(), rsaPair()];
  const own = {};
  const sealed = {};
  let directory;
  let alice;

  before(async () => {
    directory = join(made.folder, "by-the-writer");
    alice = await (await device(directory)).connect({ login: "alice", ...vault(newSecret()) }, { register: true });
    // Erin opens her keys with a vault secret, and renewed them; Finn brings a pair of his own.
    own.first = makeKeyset({ login: "erin", pkcs8: pairs[0].privateKey });
    own.erin = makeKeyset({ login: "erin", pkcs8: pairs[1].privateKey, before: own.first });
    own.finn = makeKeyset({ login: "finn", pkcs8: pairs[2].privateKey, seed: ownPairSeed("finn", pairs[2].privateKey) });
    const unlocker = passwordSlot(own.first, secret);
    const down = successorSlot(own.first, own.erin);
    const password = passwordSlot(own.erin, secret, unlocker.unlocker.id, own.first.fingerprint);
    writeRelay(directory, {
      "identity/erin": { keysets: [entry(own.first, down, makeManifest(own.first, [unlocker])), entry(own.erin, password)] },
      "identity/finn": { keysets: [entry(own.finn, keypairSlot(own.finn, pairs[2].publicKey))] },
      ...said(own.erin, [["share\nalice", { at: Date.now(), value: true }]]),
      ...said(own.finn, []),
    });
    const alices = newest("alice");
    share("before the renewal", own.first, [own.first.keyset], { data: text("old"), metadata: { type: "string" } });
    share("for herself", own.erin, [own.erin.keyset], { data: text("self"), metadata: { type: "string", meta: { k: [1, "v"] } } });
    share("for alice", own.erin, [own.erin.keyset, alices], { data: text('{"b":[true]}'), metadata: { type: "json" } });
    share("signed, padded, in small chunks", own.erin, [own.erin.keyset, alices, own.finn.keyset], {
      data: sample(10_000),
      metadata: { type: "file", name: "a.bin", mediaType: "application/x-thing" },
      chunkLog2: 12,
      pad: true,
      author: { login: "erin", fingerprint: own.erin.fingerprint, seed: own.erin.seed },
    });
    share("one of a crowd", own.erin, [own.erin.keyset, alices], { data: text("found"), metadata: { type: "string" }, beside: 100 });
    share("finn's", own.finn, [own.finn.keyset, alices], { data: Buffer.alloc(0), metadata: { type: "bytes" } });
  });

  /** What a relay keeps of what an identity says to its own devices. */
  function said(set, entries) {
    const { head, pieces } = makeHead(set, { counter: 0 }, new Map(entries));
    const all = Object.entries(pieces).map(([name, sealed]) => [`piece/${set.keyset.login}/${Buffer.from(name, "base64url").toString("hex")}`, sealed]);
    const bytes = all.reduce((sum, [, sealed]) => sum + Buffer.from(sealed, "base64url").length, 0);
    return { [`said/${set.keyset.login}`]: { head, pieces: all.length, bytes }, ...Object.fromEntries(all) };
  }

  /** What a relay keeps of a keyset with one slot. `before`: the manifest that this one replaces. */
  function entry(set, slot, before, opensWith = secret) {
    const secrets = slot.kind === "password" ? [{ unlocker: slot.unlocker.id, hash: relayHash(opensWith) }] : [];
    return { keyset: set.keyset, private: set.box, slots: [slot], manifest: makeManifest(set, [slot], before), secrets };
  }

  /** The newest keyset of a login, as the relay has it. */
  function newest(login) {
    const keysets = new Reader(readRelay(directory)).identity(login).map(({ keyset }) => keyset);
    return keysets.sort((a, b) => b.version - a.version)[0];
  }

  /**
   * Seals an item and grants it to each of the readers, under an exchange key of its own for each; `beside`: how many
   * others the grants name.
   */
  function share(title, from, readers, what) {
    const [id, dataKey] = [randomUUID(), newSecret()];
    const { bytes: envelope, digest } = sealEnvelope(dataKey, { id, keyVersion: 1, ...what });
    sealed[title] = { id, bytes: new Uint8Array(envelope), data: what.data };
    const { login } = from.keyset;
    const others = Array.from({ length: what.beside ?? 0 }, () => ({ id: randomUUID(), keyVersion: 1, digest, dataKey: newSecret() }));
    const granted = [{ id, keyVersion: 1, digest: what.granted ?? digest, dataKey, origin: what.origin }, ...others];
    for (const reader of readers) {
      const { exchange, key } = makeExchange(from, reader);
      const sides = exchange.recipients.length === 1 ? [from.keyset] : [from.keyset, reader];
      const grant = makeGrant(from, exchange, key, granted, what.notAfter);
      const values = {
        [`exchange/${exchange.id}`]: { exchange, wraps: sides.map((side) => makeWrap(from, exchange, key, side)) },
        [`grant/${grant.id}`]: { grant },
        [`item/${id}`]: { owner: login, version: 1 },
      };
      const told = [{ exchange: exchange.id }, { grant: grant.id }];
      writeRelay(directory, values, { [login]: told, [reader.login]: told });
    }
  }

  test("a vault secret connects, and opens items of every keyset with their metadata", async () => {
    const erin = await (await device(directory)).connect({ login: "erin", ...vault(secret) });
    assert.equal(erin.isNew, false);
    assert.equal(erin.publicKey.fingerprint, own.erin.fingerprint.toString("hex"));
    assert.equal(erin.publicKey.version, 2);
    assert.deepEqual([...erin.warnings], []);
    assert.deepEqual(await erin.sharingFuture(), ["alice"]);
    assert.equal((await erin.decrypt(sealed["before the renewal"].bytes)).data, "old");
    const { data, metadata, author } = await erin.decrypt(sealed["for herself"].bytes);
    assert.deepEqual([data, metadata, author.login, author.by], ["self", { k: [1, "v"] }, "erin", "grant"]);
    assert.equal(await alice.trust.verificationCode("erin"), verificationCode("erin", own.erin.fingerprint));
  });

  test("a key pair connects", async () => {
    const finn = await (await device(directory)).connect({ login: "finn", ...inHex(pairs[2]) });
    assert.equal(finn.publicKey.fingerprint, own.finn.fingerprint.toString("hex"));
    assert.equal((await finn.decrypt(sealed["finn's"].bytes)).data.length, 0);
    assert.equal((await finn.decrypt(sealed["signed, padded, in small chunks"].bytes)).author.by, "signature");
  });

  test("others read what was granted to them, and see by whom", async () => {
    const json = await alice.decrypt(sealed["for alice"].bytes);
    assert.deepEqual([json.type, json.data, json.author.login, json.author.by], ["json", { b: [true] }, "erin", "grant"]);
    const { data, type, author } = await alice.decrypt(sealed["signed, padded, in small chunks"].bytes);
    assert.deepEqual([type, data.name, data.type], ["file", "a.bin", "application/x-thing"]);
    assert.deepEqual(Buffer.from(await data.arrayBuffer()), sample(10_000));
    assert.deepEqual([author.login, author.by], ["erin", "signature"]);
    assert.equal((await alice.decrypt(sealed["one of a crowd"].bytes)).data, "found");
    await assert.rejects(alice.decrypt(sealed["for herself"].bytes), { code: "ERR_NO_ACCESS" });
    const flipped = Uint8Array.from(sealed["for alice"].bytes);
    flipped[flipped.length - 1] ^= 1;
    await assert.rejects(alice.decrypt(flipped), { code: "ERR_CORRUPT" });
  });

  test("what somebody passes on is, in the next version, its owner's, and not theirs", async () => {
    const finns = { owner: "finn", sealer: "finn" };
    share("passed on", own.erin, [newest("alice")], { data: text("finn's"), metadata: { type: "string" }, origin: finns });
    const { id, bytes } = sealed["passed on"];
    assert.equal((await alice.decrypt(bytes)).author.login, "erin");
    const next = await alice.encrypt("next", { id });
    assert.deepEqual(next.dropped, ["erin"]);
    const reader = new Reader(readRelay(directory));
    const [finn, erin] = [reader.openWithPair("finn", pairs[2].privateKey), reader.openWithSecret("erin", secret)];
    assert.equal(reader.read(finn, next.bytes).data.toString(), "next");
    assert.throws(() => reader.read(erin, next.bytes), /no access/);
    assert.deepEqual(reader.dataKeys(finn).get(id).map(({ by, origin }) => [by, origin]), [["alice", { owner: "finn" }]]);
  });

  test("a grant with an end opens before it, and not after", async () => {
    const alices = newest("alice");
    const metadata = { type: "string" };
    share("until tomorrow", own.erin, [own.erin.keyset, alices], { data: text("soon"), metadata, notAfter: Date.now() + 86_400_000 });
    share("until yesterday", own.erin, [own.erin.keyset, alices], { data: text("late"), metadata, notAfter: Date.now() - 86_400_000 });
    const reader = new Reader(readRelay(directory));
    const erins = reader.openWithSecret("erin", secret);
    assert.equal((await alice.decrypt(sealed["until tomorrow"].bytes)).data, "soon");
    assert.equal(reader.read(erins, sealed["until tomorrow"].bytes).data.toString(), "soon");
    await assert.rejects(alice.decrypt(sealed["until yesterday"].bytes), { code: "ERR_NO_ACCESS" });
    assert.throws(() => reader.read(erins, sealed["until yesterday"].bytes), /no access/);
  });

  test("what the package encrypts back, the independent reader opens", async () => {
    const back = await alice.encrypt({ answer: 42 }, { shareWith: ["erin", "finn"], sign: true, metadata: { re: "x" } });
    const erin = await (await device(directory)).connect({ login: "erin", ...vault(secret) });
    // One of the writer's items goes on to its second version, by the package.
    const next = await erin.encrypt("second version", { id: sealed["for alice"].id, ifVersion: 1 });
    await erin.identities.renewKeys();
    const own = await erin.encrypt("by the third keyset", { shareWith: ["finn"] });
    const reader = new Reader(readRelay(directory));
    reader.checkAll();
    const opened = { erin: reader.openWithSecret("erin", secret), finn: reader.openWithPair("finn", pairs[2].privateKey) };
    assert.deepEqual([...opened.erin.values()].map(({ keyset }) => keyset.version), [3, 2, 1]);
    for (const keys of Object.values(opened)) {
      const found = reader.read(keys, back.bytes);
      assert.deepEqual(JSON.parse(found.data), { answer: 42 });
      assert.deepEqual([found.metadata.meta, found.author.login], [{ re: "x" }, "alice"]);
    }
    assert.deepEqual([next.version, reader.read(opened.erin, next.bytes).data.toString()], [2, "second version"]);
    assert.equal(reader.read(opened.finn, own.bytes).data.toString(), "by the third keyset");
    assert.throws(() => reader.read(opened.finn, next.bytes), /no access/);
    assert.equal((await alice.decrypt(next.bytes)).data, "second version");
  });

  test("what the writer sealed wrongly, the package refuses", async () => {
    const alices = newest("alice");
    const type = { type: "bytes" };
    const { fingerprint, seed } = own.erin;
    const author = { login: "erin", fingerprint, seed };
    const odd = {
      "padding that is not zero": { data: sample(1024), length: 1000, pad: true, metadata: type },
      "a length that is not the data's": { data: sample(1024), length: 1000, metadata: type },
      "an empty chunk after a full one": { data: sample(4096), chunkLog2: 12, emptyEnd: true, metadata: type },
      "a trailer that is not filled with zeros": { data: sample(10), metadata: type, filler: 1, author },
      "metadata without a type": { data: sample(10), metadata: {} },
      "other content than was granted": { data: sample(10), metadata: type, granted: Buffer.alloc(32, 7) },
      "an author's signature by another key": {
        data: sample(10),
        metadata: type,
        author: { ...author, seed: own.first.seed },
      },
      "an author who is somebody else": {
        data: sample(10),
        metadata: type,
        author: { ...author, login: "finn" },
      },
    };
    for (const [title, what] of Object.entries(odd)) {
      share(title, own.erin, [alices], what);
      await assert.rejects(alice.decrypt(sealed[title].bytes), { code: "ERR_CORRUPT" }, title);
    }
    // The same way of sealing, without any lie.
    share("as it should be", own.erin, [alices], { data: sample(1000), pad: true, metadata: type, author });
    assert.deepEqual(Buffer.from((await alice.decrypt(sealed["as it should be"].bytes)).data), sample(1000));
  });

  test("what nobody signed, the package refuses", async () => {
    const forged = makeKeyset({ login: "gina", pkcs8: pairs[0].privateKey });
    const good = entry(forged, passwordSlot(forged, secret));
    const keyset = { ...forged.keyset, selfSignature: own.erin.keyset.selfSignature };
    writeRelay(directory, { "identity/gina": { keysets: [{ ...good, keyset }] } });
    await assert.rejects((await device(directory)).connect({ login: "gina", ...vault(secret) }), { code: "ERR_VERIFICATION_FAILED" });
    // Nor does it take private keys that are not those of the public ones.
    const inside = compound(forged.pkcs8, newSecret());
    const odd = toBase64url(sealBox(forged.keysetKey, T("private", forged.fingerprint), inside));
    writeRelay(directory, { "identity/gina": { keysets: [{ ...good, private: odd }] } });
    await assert.rejects((await device(directory)).connect({ login: "gina", ...vault(secret) }), { code: "ERR_CORRUPT" });
    // The same with its own signature connects: it was the signature.
    writeRelay(directory, { "identity/gina": { keysets: [good] } });
    assert.equal((await (await device(directory)).connect({ login: "gina", ...vault(secret) })).publicKey.version, 1);
  });

  test("somebody who lost keys tells so, and gets access back from the package", async () => {
    const [before, after] = [newSecret(), newSecret()];
    const old = makeKeyset({ login: "hugo", pkcs8: pairs[0].privateKey });
    const oldEntry = entry(old, passwordSlot(old, before), undefined, before);
    writeRelay(directory, { "identity/hugo": { keysets: [oldEntry] } });
    share("hugo's, from before", old, [old.keyset, newest("alice")], { data: text("hugo's"), metadata: { type: "string" } });
    assert.equal((await alice.decrypt(sealed["hugo's, from before"].bytes)).data, "hugo's");
    const theirs = await alice.encrypt("alice's", { shareWith: ["hugo"] });

    const fresh = makeKeyset({ login: "hugo", pkcs8: pairs[1].privateKey, before: old, chain: false });
    const told = makeNotification(fresh, newest("alice"));
    const { id, created } = told;
    const values = {
      "identity/hugo": { keysets: [oldEntry, entry(fresh, passwordSlot(fresh, after), undefined, after)] },
      [`notification/${id}`]: { notification: told, rev: 1, status: "pending" },
      [`inbox/alice/${String(created).padStart(16, "0")}-${id}`]: id,
    };
    writeRelay(directory, values, { alice: [{ notified: id }] });
    const mine = () => {
      const reader = new Reader(readRelay(directory));
      return (envelope) => reader.read(reader.openWithSecret("hugo", after), envelope).data.toString();
    };
    assert.throws(() => mine()(theirs.bytes), /no access/);

    await alice.refresh();
    const [notification] = await alice.notifications.pendingAfter(0);
    assert.deepEqual([notification.id, notification.author, notification.properties.dataOwnerConcernedId], [id, "hugo", "hugo"]);
    const key = notification.properties.dataOwnerConcernedPubKey;
    assert.equal(key, pairs[1].publicKey.toString("hex"));
    assert.equal(await alice.trust.state("hugo"), "changed");
    const wrong = { verificationCode: verificationCode("hugo", old.fingerprint) };
    await assert.rejects(alice.giveAccessBackTo("hugo", key, wrong), { code: "ERR_VERIFICATION_FAILED" });
    assert.throws(() => mine()(theirs.bytes), /no access/);
    const receipt = await alice.giveAccessBackTo("hugo", key, { verificationCode: verificationCode("hugo", fresh.fingerprint) });
    checkReceipt(receipt, newest("alice"));
    const read = mine();
    assert.deepEqual([read(theirs.bytes), read(sealed["hugo's, from before"].bytes)], ["alice's", "hugo's"]);
    assert.equal((await alice.notifications.get(id)).status, "completed");
  });

  test("the package lost its keys, and gets access back from the writer", async () => {
    const iris = await (await device(directory)).connect({ login: "iris", ...vault(newSecret()) }, { register: true });
    share("for iris", own.finn, [own.finn.keyset, newest("iris")], { data: text("for iris"), metadata: { type: "string" } });
    assert.equal((await iris.decrypt(sealed["for iris"].bytes)).data, "for iris");
    await iris.disconnect();
    const again = await (await device(directory)).connect({ login: "iris", ...vault(newSecret()) }, { register: true, reset: true });
    await assert.rejects(again.decrypt(sealed["for iris"].bytes), { code: "ERR_NO_ACCESS" });

    const records = readRelay(directory);
    const told = [...records].map(([key, { value }]) => key.startsWith("notification/") && value.notification).filter(Boolean);
    const [toFinn] = told.filter(({ sender, recipient }) => sender === "iris" && recipient === "finn");
    const { body, dataOwnerConcernedPubKey } = openNotification(toFinn, own.finn);
    checkNotification(toFinn, body, newest("iris"));
    assert.equal(dataOwnerConcernedPubKey, again.publicKey.encryption);
    assert.equal(verificationCode("iris", fingerprintOf(newest("iris"))), await again.trust.verificationCode("iris"));

    const exchanges = [...records].filter(([key]) => key.startsWith("exchange/")).map(([, { value }]) => value);
    const { exchange, wraps } = exchanges.find(({ exchange }) => exchange.delegator === "finn" && exchange.delegate === "iris");
    const mine = wraps.find(({ recipient }) => recipient === toBase64url(own.finn.fingerprint));
    const wrap = makeWrap(own.finn, exchange, openWrap(mine, exchange, own.finn), newest("iris"));
    writeRelay(directory, { [`exchange/${exchange.id}`]: { exchange, wraps: [...wraps, wrap] } }, { iris: [{ exchange: exchange.id }] });
    await again.refresh();
    const { data, author } = await again.decrypt(sealed["for iris"].bytes);
    assert.deepEqual([data, author.login], ["for iris", "finn"]);
  });
});
