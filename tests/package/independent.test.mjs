// What the package makes, read by the independent implementation (tests/independent/, written from docs/protocol.md),
// and what that one writes, read by the package. They meet in a relay in a directory and share no code.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { checkNotification, checkReceipt, notificationId, openNotification } from "../independent/back.mjs";
import { verify } from "../independent/boxes.mjs";
import { qrPayload, verificationCode } from "../independent/code.mjs";
import { readHeader, sealEnvelope } from "../independent/envelope.mjs";
import { checkExchange, checkGrant, makeExchange, makeGrant, makeWrap, openWrap } from "../independent/grants.mjs";
import { checkKeyset, makeKeyset, ownPairSeed } from "../independent/keyset.mjs";
import { Reader } from "../independent/reader.mjs";
import { logged, readRelay, writeRelay } from "../independent/relay.mjs";
import { checkManifest, keypairSlot, makeManifest, newSecret, passwordSlot, relayHash, successorSlot } from "../independent/slots.mjs";
import { T, bytes, text, toBase64url } from "../independent/transcript.mjs";
import { pack, project, scratch } from "../tools/project.mjs";

const made = {};

before(async () => {
  made.scratch = await scratch();
  const { folder } = made.scratch;
  const place = await project(join(folder, "project"), (await pack(folder)).tarball);
  made.package = await import(pathToFileURL(join(place, "node_modules/regrant/index.js")));
});

after(() => made.scratch?.remove());

/** A device without anything on it, on the relay in that folder. */
const device = (directory) => made.package.Regrant.open({ relay: { directory }, store: "memory", application: "independent" });

const vault = (secret) => ({ vaultSecret: toBase64url(secret) });
const der = { publicKeyEncoding: { type: "spki", format: "der" }, privateKeyEncoding: { type: "pkcs8", format: "der" } };
const rsaPair = () => generateKeyPairSync("rsa", { modulusLength: 2048, ...der });
const inHex = ({ publicKey, privateKey }) => ({
  keyPair: { publicKey: publicKey.toString("hex"), privateKey: privateKey.toString("hex") },
});

/** Bytes that are not all alike. */
const sample = (length) => Buffer.from(Uint8Array.from({ length }, (_, n) => Math.imul(n, 2654435761) >>> 23));

/** The bytes that stand for a value in an envelope (section 6). */
async function plain(data) {
  if (typeof data === "string") return text(data);
  if (data instanceof Blob) return Buffer.from(await data.arrayBuffer());
  if (data instanceof Uint8Array || data instanceof ArrayBuffer) return Buffer.from(data);
  return text(JSON.stringify(data));
}

describe("what the package made, read by the independent reader", () => {
  const secrets = { alice: newSecret(), next: newSecret(), carol: newSecret(), carolNew: newSecret(), dave: newSecret(), daveNew: newSecret() };
  const bobs = rsaPair();
  /** `{ title, data, metadata, options, sealed, readers }` for each item. */
  const items = [];
  /** What the package said: codes, keys, signatures. */
  const said = {};
  let records;
  let reader;
  const opened = {};

  before(async () => {
    const directory = join(made.scratch.folder, "by-the-package");
    const hub = await device(directory);
    const alice = await hub.connect({ login: "alice", ...vault(secrets.alice) }, { register: true });
    const bob = await (await device(directory)).connect({ login: "bob", ...inHex(bobs) }, { register: true });
    const carol = await (await device(directory)).connect({ login: "carol", ...vault(secrets.carol) }, { register: true });
    const keep = async (title, session, data, options = {}, readers = [session.login, ...(options.shareWith ?? [])]) => {
      const sealed = await session.encrypt(data, options);
      items.push({ title, data, options, sealed, author: session.login, readers });
      return sealed;
    };

    await keep("a string", alice, "émigré");
    await keep("JSON with metadata", alice, { list: [1, null, "x"] }, { metadata: { tags: ["a"], n: 1.5 }, shareWith: ["bob"] });
    await keep("nothing", alice, new Uint8Array(0), { shareWith: ["carol"] });
    await keep("64 bytes", alice, sample(64), { shareWith: ["bob", "carol"] });
    await keep("exactly one chunk", alice, sample(2 ** 18));
    await keep("three chunks, signed and padded", alice, sample(2 ** 19 + 1000), { shareWith: ["bob"], sign: true, pad: true });
    await keep("padded", alice, sample(1000), { pad: true });
    await alice.identities.renewKeys();
    await keep("a buffer, by the second keyset", alice, new Uint8Array(sample(100)).buffer, { shareWith: ["carol"] });
    await alice.identities.renewKeys();
    await keep("a file, by the third keyset", alice, new File([sample(300)], "ä.bin", { type: "image/png" }), { shareWith: ["bob"], sign: true });
    await keep("a blob of somebody with a pair", bob, new Blob(["blob"], { type: "text/plain" }), { shareWith: ["alice", "carol"], sign: true });
    await keep("carol's own", carol, "carol's", {}, ["carol"]);
    for (const session of [alice, bob, carol]) {
      const many = await session.encryptMany(Array.from({ length: 10 }, (_, n) => ({ data: `${session.login} ${n}` })));
      many.forEach((sealed, n) =>
        items.push({ title: `${session.login}'s number ${n}`, data: `${session.login} ${n}`, options: {}, sealed, author: session.login, readers: [session.login] }),
      );
    }
    await alice.changeSecret(vault(secrets.next), vault(secrets.alice));

    // Given later, and taken away again.
    const given = await keep("given to carol later", alice, "later");
    await alice.giveAccess([given.id], "carol");
    items.at(-1).readers = ["alice", "carol"];
    const taken = await keep("no longer bob's", alice, "taken", { shareWith: ["bob"] });
    await alice.revoke([taken.id], "bob");
    items.at(-1).readers = ["alice"];

    // A loss, and access back from both; carol's own things are gone.
    await carol.disconnect();
    const again = await (await device(directory)).connect({ login: "carol", ...vault(secrets.carolNew) }, { register: true, reset: true });
    said.code = await again.trust.verificationCode("carol");
    const { encryption } = again.publicKey;
    said.receipts = [];
    for (const session of [alice, bob]) {
      await session.refresh();
      said.receipts.push(await session.giveAccessBackTo("carol", encryption, { verificationCode: said.code }));
    }
    await again.refresh();
    for (const { title, readers, sealed } of items) {
      if (title.startsWith("carol's")) readers.length = 0;
      if (readers.includes("carol")) await again.decrypt(sealed.bytes);
    }

    // A loss with the old device at hand: the chain is repaired, and everything returns.
    const old = await (await device(directory)).connect({ login: "dave", ...vault(secrets.dave) }, { register: true });
    await keep("dave's, from before", old, "before");
    const fresh = await (await device(directory)).connect({ login: "dave", ...vault(secrets.daveNew) }, { register: true, reset: true });
    const code = await fresh.trust.verificationCode("dave");
    await old.giveAccessBackTo("dave", fresh.publicKey.encryption, { verificationCode: code, chain: true });
    await fresh.refresh();
    await fresh.decrypt(items.at(-1).sealed.bytes);

    said.public = Object.fromEntries(await Promise.all([alice, bob, again, fresh].map(async (s) => [s.login, {
      ...s.publicKey,
      code: await s.trust.verificationCode(s.login),
      qr: await s.trust.qrPayload(s.login),
      seen: await alice.trust.verificationCode(s.login),
      signed: await s.sign(sample(33)),
    }])));
    records = readRelay(directory);
    reader = new Reader(records);
    Object.assign(opened, {
      alice: reader.openWithSecret("alice", secrets.next),
      bob: reader.openWithPair("bob", bobs.privateKey),
      carol: reader.openWithSecret("carol", secrets.carolNew),
      dave: reader.openWithSecret("dave", secrets.daveNew),
    });
  });

  const kept = (prefix) => [...records].filter(([key]) => key.startsWith(prefix)).map(([, { value }]) => value);
  const versions = (keys) => [...keys.values()].map(({ keyset }) => keyset.version);

  test("every keyset, chain, manifest, exchange key, wrap, grant and revocation verifies", () => {
    const { keysets, chained, broken, manifests, revocations, exchanges, wraps, grants } = reader.checkAll();
    assert.deepEqual({ keysets, chained, broken, manifests }, { keysets: 8, chained: 3, broken: 1, manifests: 8 });
    // It stands in the log of both.
    assert.equal(revocations, 2);
    assert.ok(exchanges >= 8 && wraps > exchanges && grants >= items.length - 30, `${exchanges} ${wraps} ${grants}`);
  });

  test("keysets open from the secret down to the first, through every kind of slot", () => {
    assert.deepEqual(versions(opened.alice), [3, 2, 1]);
    assert.deepEqual(versions(opened.bob), [1]);
    assert.deepEqual(versions(opened.carol), [2]);
    assert.deepEqual(versions(opened.dave), [2, 1]);
    assert.equal(opened.bob.values().next().value.keyset.encryptionKey, toBase64url(bobs.publicKey));
    const kinds = new Set(kept("identity/").flatMap(({ keysets }) => keysets.flatMap(({ slots }) => slots.map(({ kind }) => kind))));
    assert.deepEqual([...kinds].sort(), ["keypair", "password", "sharer", "successor"]);
  });

  test("a replaced secret, and a lost key's, open nothing but what they could before", () => {
    assert.deepEqual(versions(reader.openWithSecret("alice", secrets.alice)), []);
    assert.deepEqual(versions(reader.openWithSecret("alice", newSecret())), []);
    assert.deepEqual(versions(reader.openWithSecret("carol", secrets.carol)), [1]);
    assert.deepEqual(versions(reader.openWithPair("bob", rsaPair().privateKey)), []);
  });

  test("every item opens for its readers with the same content, and for nobody else", async () => {
    assert.ok(items.length > 40);
    for (const { title, data, options, sealed, author, readers } of items) {
      for (const login of Object.keys(opened)) {
        if (!readers.includes(login)) {
          assert.throws(() => reader.read(opened[login], sealed.bytes), /no access/, `${title} by ${login}`);
          continue;
        }
        const found = reader.read(opened[login], sealed.bytes);
        assert.deepEqual(found.data, await plain(data), title);
        assert.deepEqual(found.metadata.meta, options.metadata, title);
        assert.deepEqual([found.id, found.keyVersion], [sealed.id, sealed.version], title);
        assert.ok(found.by.includes(author), title);
        assert.equal(found.author?.login, options.sign ? author : undefined, title);
        assert.equal(readHeader(Buffer.from(sealed.bytes)).padded, options.pad ?? false, title);
      }
    }
  });

  test("types, names and media types are as the page about the protocol says", () => {
    const types = items.slice(0, 10).map(({ sealed, readers }) => reader.read(opened[readers[0]], sealed.bytes).metadata);
    assert.deepEqual(types.map(({ type }) => type), ["string", "json", "bytes", "bytes", "bytes", "bytes", "bytes", "buffer", "file", "blob"]);
    assert.deepEqual([types[8].name, types[8].mediaType, types[9].mediaType], ["ä.bin", "image/png", "text/plain"]);
  });

  test("fingerprints, codes and QR payloads are what the package shows", () => {
    for (const [login, { fingerprint, code, seen, qr, signing, signed, version }] of Object.entries(said.public)) {
      const [{ keyset, fingerprint: found }] = opened[login].values();
      assert.equal(found.toString("hex"), fingerprint);
      assert.equal(keyset.version, version);
      assert.equal(verificationCode(login, found), code);
      assert.equal(seen, code);
      assert.equal(qrPayload(login, found), qr);
      verify(Buffer.from(signing, "hex"), T("application", sample(33)), Buffer.from(signed));
    }
    assert.equal(said.code, said.public.carol.code);
  });

  test("the relay keeps a secret's hash as the page says", () => {
    const [newest] = reader.identity("alice").sort((a, b) => b.keyset.version - a.keyset.version);
    const { unlocker } = newest.slots.find(({ kind }) => kind === "password");
    assert.deepEqual(newest.secrets, [{ unlocker: unlocker.id, hash: relayHash(secrets.next) }]);
  });

  test("notifications of a loss are by the new keys, under their id; receipts are by the givers", () => {
    const notifications = kept("notification/").map(({ notification }) => notification);
    assert.ok(notifications.length >= 3);
    for (const one of notifications) {
      const [sender] = [...opened[one.sender].values()].filter(({ fingerprint }) => toBase64url(fingerprint) === one.senderFingerprint);
      assert.equal(notificationId(sender, one.recipient), one.id);
      const mine = opened[one.recipient].get(one.recipientFingerprint) ?? reader.openWithSecret("carol", secrets.carol).get(one.recipientFingerprint);
      const { body, ...what } = openNotification(one, mine);
      checkNotification(one, body, sender.keyset);
      assert.deepEqual(what, { dataOwnerConcernedId: one.sender, dataOwnerConcernedPubKey: bytes(sender.keyset.encryptionKey).toString("hex") });
    }
    for (const receipt of said.receipts) {
      checkReceipt(receipt, reader.find(toBase64url(Buffer.from(receipt.giverFingerprint, "hex"))));
      assert.equal(receipt.requester, "carol");
      assert.ok(receipt.exchanges.length > 0);
    }
  });

  describe("and refused once it is changed", () => {
    const flipped = (value, at) => {
      const out = Buffer.from(value);
      out[at < 0 ? out.length + at : at] ^= 1;
      return out;
    };
    const spoilt = (value, at = 0) => toBase64url(flipped(bytes(value), at));

    test("an envelope: a bit of the header, the salt, the commitment, a chunk, the trailer; a chunk too few", () => {
      const { sealed } = items.find(({ title }) => title.startsWith("three chunks"));
      const bytes = Buffer.from(sealed.bytes);
      for (const at of [0, 4, 5, 6, 25, 29, 30, 62, 94, 200, 2 ** 18, bytes.length / 2, -500, -380, -1].map(Math.trunc)) {
        assert.throws(() => reader.read(opened.alice, flipped(bytes, at)), `at ${at}`);
      }
      assert.throws(() => reader.read(opened.alice, bytes.subarray(0, -1)), Error);
      const chunk = 2 ** 18 + 16;
      assert.throws(() => reader.read(opened.alice, Buffer.concat([bytes.subarray(0, 94 + 400), bytes.subarray(94 + 400 + chunk)])), Error);
    });

    test("a keyset, a manifest", () => {
      const [{ keyset, manifest, slots }] = reader.identity("dave").filter(({ keyset }) => keyset.version === 2);
      const find = (fingerprint) => reader.find(fingerprint);
      checkKeyset(keyset, find);
      for (const change of [
        { selfSignature: spoilt(keyset.selfSignature) },
        { chainSignature: spoilt(keyset.chainSignature, -1) },
        { created: keyset.created + 1 },
        { maker: { ...keyset.maker, login: "alice" } },
      ]) {
        assert.throws(() => checkKeyset({ ...keyset, ...change }, find), /does not verify|who made it|S is too large/, Object.keys(change)[0]);
      }
      checkManifest(manifest, keyset, slots, keyset);
      assert.throws(() => checkManifest({ ...manifest, counter: 9 }, keyset, slots, keyset), /does not verify/);
      assert.throws(() => checkManifest(manifest, keyset, [{ ...slots[0], sealed: spoilt(slots[0].sealed) }], keyset), /other slots/);
    });

    test("an exchange key, a wrap, a grant", () => {
      const { exchange, wraps } = kept("exchange/").find(({ exchange }) => exchange.delegator === "bob" && exchange.delegate === "alice");
      const { keyset, ...own } = opened.bob.values().next().value;
      assert.throws(() => checkExchange({ ...exchange, delegate: "carol" }, keyset), /does not verify/);
      const wrap = wraps.find(({ recipient }) => recipient === toBase64url(own.fingerprint));
      openWrap(wrap, exchange, own);
      assert.throws(() => openWrap(wrap, { ...exchange, id: randomUUID() }, own), Error);
      const stranger = makeWrap({ keyset, ...own }, exchange, newSecret(), keyset);
      assert.throws(() => openWrap(stranger, exchange, own), /commitment/);
      const { grant } = kept("grant/").find(({ grant }) => grant.exchange === exchange.id);
      checkGrant(grant, keyset);
      assert.throws(() => checkGrant({ ...grant, notAfter: 2 ** 40 }, keyset), /does not verify/);
    });
  });
});

describe("what the independent writer made, read by the package", () => {
  const secret = newSecret();
  const pairs = [rsaPair(), rsaPair(), rsaPair()];
  const own = {};
  const sealed = {};
  let directory;
  let alice;

  before(async () => {
    directory = join(made.scratch.folder, "by-the-writer");
    alice = await (await device(directory)).connect({ login: "alice", ...vault(newSecret()) }, { register: true });
    // Erin opens her keys with a vault secret, and renewed them; Finn brings a pair of his own.
    own.first = makeKeyset({ login: "erin", pkcs8: pairs[0].privateKey });
    own.erin = makeKeyset({ login: "erin", pkcs8: pairs[1].privateKey, before: own.first });
    own.finn = makeKeyset({ login: "finn", pkcs8: pairs[2].privateKey, seed: ownPairSeed("finn", pairs[2].privateKey) });
    const unlocker = passwordSlot(own.first, secret);
    const firstManifest = makeManifest(own.first, [unlocker]);
    const down = successorSlot(own.first, own.erin);
    const password = passwordSlot(own.erin, secret, unlocker.unlocker.id, own.first.fingerprint);
    const pair = keypairSlot(own.finn, pairs[2].publicKey);
    const entry = (set, slots, manifest, secrets = []) => ({ keyset: set.keyset, private: set.box, slots, manifest, secrets });
    writeRelay(directory, {
      "identity/erin": {
        keysets: [
          entry(own.first, [down], makeManifest(own.first, [down], firstManifest)),
          entry(own.erin, [password], makeManifest(own.erin, [password]), [{ unlocker: unlocker.unlocker.id, hash: relayHash(secret) }]),
        ],
      },
      "identity/finn": { keysets: [entry(own.finn, [pair], makeManifest(own.finn, [pair]))] },
    });
    const alices = new Reader(readRelay(directory)).identity("alice")[0].keyset;
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
    share("finn's", own.finn, [own.finn.keyset, alices], { data: Buffer.alloc(0), metadata: { type: "bytes" } });
  });

  /** Seals an item and grants it to each of the readers, under an exchange key of its own for each. */
  function share(title, from, readers, what) {
    const [id, dataKey] = [randomUUID(), newSecret()];
    const { bytes: envelope, digest } = sealEnvelope(dataKey, { id, keyVersion: 1, ...what });
    sealed[title] = { id, bytes: new Uint8Array(envelope), data: what.data };
    const { login } = from.keyset;
    for (const reader of readers) {
      const { exchange, key } = makeExchange(from, reader);
      const sides = exchange.recipients.length === 1 ? [from.keyset] : [from.keyset, reader];
      const grant = makeGrant(from, exchange, key, [{ id, keyVersion: 1, digest, dataKey }]);
      const values = {
        [`exchange/${exchange.id}`]: { exchange, wraps: sides.map((side) => makeWrap(from, exchange, key, side)) },
        [`grant/${grant.id}`]: { grant },
        [`by-item/${id}/${grant.id}`]: null,
        [`item/${id}`]: { owner: login, version: 1 },
      };
      for (const who of new Set([login, reader.login])) Object.assign(values, logged(readRelay(directory), who, [{ exchange: exchange.id }, { grant: grant.id }]));
      writeRelay(directory, values);
    }
  }

  test("a vault secret connects, and opens items of every keyset with their metadata", async () => {
    const erin = await (await device(directory)).connect({ login: "erin", ...vault(secret) });
    assert.equal(erin.isNew, false);
    assert.equal(erin.publicKey.fingerprint, own.erin.fingerprint.toString("hex"));
    assert.equal(erin.publicKey.version, 2);
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
    await assert.rejects(alice.decrypt(sealed["for herself"].bytes), { code: "ERR_NO_ACCESS" });
    const flipped = Uint8Array.from(sealed["for alice"].bytes);
    flipped[flipped.length - 1] ^= 1;
    await assert.rejects(alice.decrypt(flipped), { code: "ERR_CORRUPT" });
  });

  test("what the package encrypts back, the independent reader opens", async () => {
    const back = await alice.encrypt({ answer: 42 }, { shareWith: ["erin", "finn"], sign: true, metadata: { re: "x" } });
    const erin = await (await device(directory)).connect({ login: "erin", ...vault(secret) });
    // One of the writer's items goes on to its second version, by the package.
    const next = await erin.encrypt("second version", { id: sealed["for alice"].id });
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

  test("what nobody signed, the package refuses", async () => {
    const forged = makeKeyset({ login: "gina", pkcs8: pairs[0].privateKey });
    const slot = passwordSlot(forged, secret);
    const manifest = makeManifest(forged, [slot]);
    const keyset = { ...forged.keyset, selfSignature: own.erin.keyset.selfSignature };
    const secrets = [{ unlocker: slot.unlocker.id, hash: relayHash(secret) }];
    writeRelay(directory, { "identity/gina": { keysets: [{ keyset, private: forged.box, slots: [slot], manifest, secrets }] } });
    const fresh = await device(directory);
    await assert.rejects(fresh.connect({ login: "gina", ...vault(secret) }));
    // The same with its own signature connects: it was the signature.
    writeRelay(directory, { "identity/gina": { keysets: [{ keyset: forged.keyset, private: forged.box, slots: [slot], manifest, secrets }] } });
    assert.equal((await (await device(directory)).connect({ login: "gina", ...vault(secret) })).publicKey.version, 1);
  });
});
