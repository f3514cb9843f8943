// What the independent implementation (tests/independent/, written from docs/protocol.md) writes, read by the package.
// They meet in a relay in a directory and share no code.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { verificationCode } from "../independent/code.mjs";
import { sealEnvelope } from "../independent/envelope.mjs";
import { makeExchange, makeGrant, makeWrap } from "../independent/grants.mjs";
import { makeKeyset, ownPairSeed } from "../independent/keyset.mjs";
import { Reader } from "../independent/reader.mjs";
import { logged, readRelay, writeRelay } from "../independent/relay.mjs";
import { keypairSlot, makeManifest, newSecret, passwordSlot, relayHash, successorSlot } from "../independent/slots.mjs";
import { text } from "../independent/transcript.mjs";
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
      const grant = makeGrant(from, exchange, key, [{ id, keyVersion: 1, digest: what.granted ?? digest, dataKey }]);
      const values = {
        [`exchange/${exchange.id}`]: { exchange, wraps: sides.map((side) => makeWrap(from, exchange, key, side)) },
        [`grant/${grant.id}`]: { grant },
        [`by-item/${id}/${grant.id}`]: null,
        [`item/${id}`]: { owner: login, version: 1 },
      };
      for (const who of new Set([login, reader.login])) {
        Object.assign(values, logged(readRelay(directory), who, [{ exchange: exchange.id }, { grant: grant.id }]));
      }
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

  test("what the writer sealed wrongly, the package refuses", async () => {
    const alices = new Reader(readRelay(directory)).identity("alice")[0].keyset;
    const type = { type: "bytes" };
    const odd = {
      "padding that is not zero": { data: sample(1024), length: 1000, pad: true, metadata: type },
      "a length that is not the data's": { data: sample(1024), length: 1000, metadata: type },
      "metadata without a type": { data: sample(10), metadata: {} },
      "other content than was granted": { data: sample(10), metadata: type, granted: Buffer.alloc(32, 7) },
      "an author's signature by another key": {
        data: sample(10),
        metadata: type,
        author: { login: "erin", fingerprint: own.erin.fingerprint, seed: own.first.seed },
      },
      "an author who is somebody else": {
        data: sample(10),
        metadata: type,
        author: { login: "finn", fingerprint: own.erin.fingerprint, seed: own.erin.seed },
      },
    };
    for (const [title, what] of Object.entries(odd)) {
      share(title, own.erin, [alices], what);
      await assert.rejects(alice.decrypt(sealed[title].bytes), { code: "ERR_CORRUPT" }, title);
    }
    // The same way of sealing, without any lie.
    share("as it should be", own.erin, [alices], { data: sample(1000), pad: true, metadata: type });
    assert.deepEqual(Buffer.from((await alice.decrypt(sealed["as it should be"].bytes)).data), sample(1000));
  });

  test("what nobody signed, the package refuses", async () => {
    const forged = makeKeyset({ login: "gina", pkcs8: pairs[0].privateKey });
    const slot = passwordSlot(forged, secret);
    const manifest = makeManifest(forged, [slot]);
    const keyset = { ...forged.keyset, selfSignature: own.erin.keyset.selfSignature };
    const secrets = [{ unlocker: slot.unlocker.id, hash: relayHash(secret) }];
    const entry = { private: forged.box, slots: [slot], manifest, secrets };
    writeRelay(directory, { "identity/gina": { keysets: [{ ...entry, keyset }] } });
    await assert.rejects((await device(directory)).connect({ login: "gina", ...vault(secret) }), { code: "ERR_VERIFICATION_FAILED" });
    // The same with its own signature connects: it was the signature.
    writeRelay(directory, { "identity/gina": { keysets: [{ ...entry, keyset: forged.keyset }] } });
    assert.equal((await (await device(directory)).connect({ login: "gina", ...vault(secret) })).publicKey.version, 1);
  });
});
