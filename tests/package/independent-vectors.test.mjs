// The independent implementation (tests/independent/, written from docs/protocol.md) against the recorded vectors: it
// makes each of them again byte for byte, and opens the whole recorded world. No code of the package runs here.
import assert from "node:assert/strict";
import { pbkdf2Sync } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { describe, test } from "node:test";
import { checkReceipt, checkNotification, notificationId, openNotification } from "../independent/back.mjs";
import { derive, hpkeKey, hpkeOpen, hpkeSeal, openBox, openMessage, sealBox, x25519Public } from "../independent/boxes.mjs";
import { ed25519Public, sign, verify } from "../independent/boxes.mjs";
import { qrPayload, verificationCode } from "../independent/code.mjs";
import { openEnvelope, sealEnvelope } from "../independent/envelope.mjs";
import { meaning, readHead } from "../independent/heads.mjs";
import { fingerprintOf, makeKeyset, openPrivate } from "../independent/keyset.mjs";
import { Reader } from "../independent/reader.mjs";
import { passwordSlot, relayHash, slotHash } from "../independent/slots.mjs";
import { T, bytes, compound, integer, list, optional, sha256, text, toBase64url, uuid } from "../independent/transcript.mjs";
import { rsaPair } from "../tools/packed.mjs";

const vectors = new URL("../vectors/", import.meta.url);
const read = async (file) => JSON.parse(await readFile(new URL(file, vectors), "utf8"));
const hex = (value) => Buffer.from(value, "hex");

const field = {
  text,
  int: (value) => integer(value),
  uuid,
  bytes: hex,
  option: (value) => optional(value === null ? undefined : hex(value)),
  list: (values) => list(values.map(hex)),
};

function transcript({ what, fields }) {
  return T(what, ...fields.map((one) => Object.entries(one).map(([kind, value]) => field[kind](value))[0]));
}

/** A test for each case of a file; there must be some. */
async function each(file, check) {
  const { cases, ...shared } = await read(file);
  assert.ok(cases.length > 0);
  for (const [n, vector] of cases.entries()) test(`${file} ${n}`, () => check(vector, shared));
}

test("the independent implementation uses Node alone, and nothing of the product", async () => {
  const folder = new URL("../independent/", import.meta.url);
  const files = await readdir(folder);
  assert.ok(files.length >= 7);
  for (const file of files) {
    const source = await readFile(new URL(file, folder), "utf8");
    const imported = [...source.matchAll(/(?:from|import|import\() ?"([^"]+)"/g)].map(([, name]) => name);
    const strange = imported.filter((name) => !/^(node:(crypto|fs|path)|\.\/[a-z]+\.mjs)$/.test(name));
    assert.deepEqual(strange, [], file);
  }
});

describe("recorded vectors, made and opened by the independent implementation", async () => {
  await each("transcripts.json", (vector) => {
    assert.equal(transcript(vector).toString("hex"), vector.out.transcript);
    assert.equal(sha256(transcript(vector)).toString("hex"), vector.out.sha256);
  });
  await each("boxes.json", (vector) => {
    const [key, message] = [hex(vector.key), hex(vector.message)];
    assert.equal(sealBox(key, transcript(vector), message, hex(vector.salt)).toString("hex"), vector.out);
    assert.deepEqual(openBox(key, transcript(vector), hex(vector.out)), message);
  });
  const { pkcs8 } = await read("published/rsa-oaep-sha-256.json");
  await each("sealed-messages.json", (vector) => {
    assert.deepEqual(openMessage(hex(pkcs8), transcript(vector), hex(vector.out)), hex(vector.message));
  });
  await each("hpke.json", (vector) => {
    const { enc, key } = hpkeSeal(hex(vector.out.public), transcript(vector), undefined, hpkeKey(hex(vector.ikmE)));
    assert.equal(x25519Public(hex(vector.private)).toString("hex"), vector.out.public);
    assert.deepEqual([enc.toString("hex"), key.toString("hex")], [vector.out.enc, vector.out.key]);
    assert.deepEqual(hpkeOpen(hex(vector.private), enc, transcript(vector)), key);
  });
  await each("published/hpke-export-only.json", (vector, { info, ikmE, enc, pkR, skR }) => {
    const context = hex(vector.context);
    const sent = hpkeSeal(hex(pkR), hex(info), context, hpkeKey(hex(ikmE)));
    assert.deepEqual([sent.enc.toString("hex"), sent.key.toString("hex")], [enc, vector.value]);
    assert.equal(hpkeOpen(hex(skR), hex(enc), hex(info), context).toString("hex"), vector.value);
  });
  await each("envelopes.json", (vector) => {
    const { id, keyVersion, chunkLog2, pad, salt, metadata } = vector;
    const author = vector.author && { ...vector.author, fingerprint: hex(vector.author.fingerprint), seed: hex(vector.author.seed) };
    const opened = openEnvelope(hex(vector.dataKey), hex(vector.out.envelope), hex(vector.out.digest), (login) => {
      assert.equal(login, author.login);
      return ed25519Public(author.seed);
    });
    assert.deepEqual(opened.data, hex(vector.data));
    assert.deepEqual(opened.metadata, { ...metadata, length: hex(vector.data).length });
    assert.equal(opened.author?.login, author?.login);
    // Metadata is JSON, whose fields may come in any order: the text that travels is what is sealed again.
    const how = { chunkLog2, pad, salt: hex(salt), author: author ?? undefined };
    const made = sealEnvelope(hex(vector.dataKey), { id, keyVersion, ...how, metadata: opened.metadata, data: opened.data });
    assert.deepEqual([made.bytes.toString("hex"), made.digest.toString("hex")], [vector.out.envelope, vector.out.digest]);
  });
  await each("kdf.json", (vector) => {
    const { application, login, relayId, kdf, out } = vector;
    assert.equal(sha256(T("split", text(application), text(login))).subarray(0, 16).toString("hex"), out.salt);
    // Node 20 has no Argon2: there the root is taken as it is recorded, and only what derives from it is computed.
    const pbkdf2 = () => pbkdf2Sync(vector.password.normalize("NFKC"), hex(out.salt), kdf.iterations, 32, "sha256");
    const root = kdf.name === "pbkdf2" ? pbkdf2() : hex(out.root);
    assert.equal(root.toString("hex"), out.root);
    const vault = derive(root, T("vault"));
    assert.equal(vault.toString("hex"), out.vaultSecret);
    assert.equal(derive(root, T("app")).toString("hex"), out.appSecret);
    assert.equal(relayHash(vault, relayId), toBase64url(sha256(hex(out.relaySecret))));
  });
});

test("signatures are held against the checks of section 1 before they are verified", () => {
  // Anything is signed by the neutral element: A and R are it, S is zero.
  const neutral = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]);
  assert.throws(() => verify(neutral, text("anything"), Buffer.concat([neutral, Buffer.alloc(32)])), /small order/);
  const seed = Buffer.alloc(32, 7);
  const [publicKey, signature] = [ed25519Public(seed), sign(seed, text("this"))];
  verify(publicKey, text("this"), signature);
  assert.throws(() => verify(publicKey, text("that"), signature), /does not verify/);
  assert.throws(() => verify(publicKey, text("this"), Buffer.concat([signature.subarray(0, 32), Buffer.alloc(32, 255)])), /too large/);
  assert.throws(() => verify(Buffer.alloc(32, 255), text("this"), signature), /canonical/);
});

describe("the independent reader refuses", () => {
  const flipped = (value, at) => {
    const out = Buffer.from(value);
    out[at] ^= 1;
    return out;
  };

  test("a box with any byte changed, or cut, or of another key or context", async () => {
    const { cases } = await read("boxes.json");
    for (const vector of cases) {
      const [key, box] = [hex(vector.key), hex(vector.out)];
      for (let at = 0; at < box.length; at += 1) assert.throws(() => openBox(key, transcript(vector), flipped(box, at)), Error, `${at}`);
      assert.throws(() => openBox(key, transcript(vector), flipped(box, 32)), /commitment/);
      assert.throws(() => openBox(key, transcript(vector), box.subarray(0, -1)), Error);
      assert.throws(() => openBox(Buffer.alloc(32, 1), transcript(vector), box), /commitment/);
      assert.throws(() => openBox(key, T("another"), box), /commitment/);
    }
  });

  test("an envelope with any byte changed or cut off, or of another digest", async () => {
    const { cases } = await read("envelopes.json");
    for (const { dataKey, out, author } of cases) {
      const keyOf = () => ed25519Public(hex(author.seed));
      const open = (envelope, digest = out.digest) => openEnvelope(hex(dataKey), envelope, hex(digest), keyOf);
      const envelope = hex(out.envelope);
      const step = Math.ceil(envelope.length / 700);
      for (let at = 0; at < envelope.length; at += step) {
        assert.throws(() => open(flipped(envelope, at)), Error, `${at}`);
        assert.throws(() => open(envelope.subarray(0, at)), Error, `${at}`);
      }
      assert.throws(() => open(envelope, "00".repeat(32)), /other content/);
      assert.throws(() => open(flipped(envelope, 62)), /commitment/);
      open(envelope);
    }
  });

  test("an envelope whose padding, length or author is a lie", () => {
    const [dataKey, seed, fingerprint] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte));
    const open = (what) => {
      const item = { id: "00112233-4455-4677-8899-aabbccddeeff", keyVersion: 1, metadata: { type: "bytes" }, chunkLog2: 12, ...what };
      const { bytes: envelope, digest } = sealEnvelope(dataKey, item);
      return openEnvelope(dataKey, envelope, digest, () => ed25519Public(seed));
    };
    const data = Buffer.alloc(1024, 7);
    assert.deepEqual(open({ data, pad: true }).data, data);
    assert.throws(() => open({ data, pad: true, length: 1000 }), /padding/);
    assert.throws(() => open({ data, pad: true, length: 1025 }), /padding/);
    assert.throws(() => open({ data, length: 1000 }), /length/);
    assert.deepEqual(open({ data, author: { login: "a", fingerprint, seed } }).author.login, "a");
    assert.throws(() => open({ data, author: { login: "a", fingerprint, seed: dataKey } }), /does not verify/);
    assert.throws(() => open({ data, author: { login: "a", fingerprint, seed }, filler: 1 }), /trailer's padding/);
    assert.throws(() => open({ data: Buffer.alloc(4096), emptyEnd: true }), /empty chunk/);
  });

  test("a private part of other public keys, or of another keyset", () => {
    const [own, other] = [rsaPair(), rsaPair()].map(({ privateKey }) => makeKeyset({ login: "a", pkcs8: privateKey }));
    const box = (pkcs8, seed) => toBase64url(sealBox(own.keysetKey, T("private", own.fingerprint), compound(pkcs8, seed)));
    assert.deepEqual(openPrivate(own.keyset, box(own.pkcs8, own.seed), own.keysetKey).seed, own.seed);
    assert.throws(() => openPrivate(own.keyset, box(own.pkcs8, other.seed), own.keysetKey), /other public keys/);
    assert.throws(() => openPrivate(own.keyset, box(other.pkcs8, own.seed), own.keysetKey), /other public keys/);
    assert.throws(() => openPrivate(other.keyset, box(own.pkcs8, own.seed), own.keysetKey), /commitment/);
  });

  test("keysets to which no chain leads from the version that the secret vouches for", () => {
    const secret = Buffer.alloc(32, 9);
    const { privateKey: pkcs8 } = rsaPair();
    const first = makeKeyset({ login: "a", pkcs8 });
    for (const chain of [true, false]) {
      const next = makeKeyset({ login: "a", pkcs8, before: first, chain });
      const slot = passwordSlot(next, secret, undefined, first.fingerprint);
      const opens = (slots) => {
        const keysets = [{ keyset: first.keyset, slots: [] }, { keyset: next.keyset, private: next.box, slots }];
        return new Reader(new Map([["identity/a", { value: { keysets } }]])).openWithSecret("a", secret).size;
      };
      assert.equal(opens([slot]), chain ? 1 : 0);
      const vouch = toBase64url(flipped(bytes(slot.unlocker.vouch), 63));
      assert.equal(opens([{ ...slot, unlocker: { ...slot.unlocker, vouch } }]), 0);
      const publicKey = toBase64url(flipped(bytes(slot.unlocker.publicKey), 0));
      assert.equal(opens([{ ...slot, unlocker: { ...slot.unlocker, publicKey } }]), 0);
    }
  });
});

describe("the recorded world", async () => {
  const world = await read("world.json");
  const values = world.records.map(([key, , value]) => [key, { value }]);
  const reader = new Reader(new Map(values));
  const opened = Object.fromEntries(
    world.people.map(({ login, vaultSecret, pkcs8 }) => [
      login,
      vaultSecret ? reader.openWithSecret(login, hex(vaultSecret)) : reader.openWithPair(login, hex(pkcs8)),
    ]),
  );
  const kept = (prefix) => values.filter(([key]) => key.startsWith(prefix)).map(([, { value }]) => value);

  test("every signature in it verifies", () => {
    const count = reader.checkAll();
    const graph = { keysets: 5, chained: 2, broken: 0, manifests: 5, slots: 6 };
    assert.deepEqual(count, { ...graph, exchanges: 9, wraps: 17, grants: 19, revocations: 1 });
  });

  test("who passes an item on, or writes another's, says whose it is", () => {
    const named = kept("grant/").flatMap(({ grant }) => grant.entries.map(([, version, , origin]) => [grant.delegate, version, origin]));
    const expected = [["alice", 2, { owner: "alice" }], ["bob", 2, { owner: "alice" }], ["carol", 1, { owner: "alice", sealer: "alice" }]];
    assert.deepEqual(named.filter(([, , origin]) => origin).sort(), expected);
  });

  test("every keyset opens, from the secret down", () => {
    for (const { keyset } of world.people.flatMap(({ login }) => reader.identity(login))) {
      assert.ok(opened[keyset.login].has(toBase64url(fingerprintOf(keyset))), `${keyset.login} ${keyset.version}`);
    }
  });

  test("what everybody says to their own devices is whole, and opens", () => {
    const pins = {};
    for (const { login } of world.people) {
      const { head } = kept(`said/${login}`)[0];
      const piece = (name) => kept(`piece/${login}/${Buffer.from(name, "base64url").toString("hex")}`)[0];
      pins[login] = Object.keys(meaning(readHead(head, opened[login].get(head.fingerprint), piece).entries).pins).sort();
    }
    assert.deepEqual(pins, { alice: ["alice", "bob"], bob: ["alice", "carol"], carol: [] });
  });

  test("hashes, codes and what a relay keeps of a secret are as recorded", () => {
    for (const { login, fingerprint, verificationCode: code, vaultSecret } of world.people) {
      assert.equal(verificationCode(login, hex(fingerprint)), code);
      const [newest] = opened[login].values();
      assert.equal(newest.fingerprint.toString("hex"), fingerprint);
      const [entry] = reader.identity(login).filter(({ keyset }) => keyset.version === newest.keyset.version);
      if (vaultSecret) assert.deepEqual(entry.secrets, [{ hash: relayHash(hex(vaultSecret)), unlocker: entry.slots[0].unlocker.id }]);
      assert.ok(entry.slots.every((slot) => entry.manifest.slots.some(({ hash }) => hash === toBase64url(slotHash(slot)))));
    }
    assert.equal(verificationCode("alice", Buffer.alloc(32, 3)), world.transcripts["verification code"]);
    assert.equal(qrPayload("alice", Buffer.alloc(32, 3)), world.transcripts["qr payload"]);
  });

  for (const { author, readers, text: said, envelope, givenBy = {} } of world.cases) {
    test(`"${said}" opens for ${readers.join(" and ")}, and for nobody else`, () => {
      for (const { login } of world.people) {
        if (!readers.includes(login)) {
          assert.throws(() => reader.read(opened[login], hex(envelope)), /no access/);
          continue;
        }
        const found = reader.read(opened[login], hex(envelope));
        assert.equal(found.data.toString("utf8"), said);
        assert.ok(found.by.includes(givenBy[login] ?? author));
        if (found.author) assert.equal(found.author.login, author);
      }
    });
  }

  test("notifications and the receipt are by whom they say", () => {
    const notifications = kept("notification/").map(({ notification }) => notification);
    assert.equal(notifications.length, 2);
    for (const one of notifications) {
      const sender = reader.find(one.senderFingerprint);
      assert.equal(one.id, notificationId(opened[one.sender].get(one.senderFingerprint), one.recipient));
      const said = openNotification(one, opened[one.recipient].get(one.recipientFingerprint));
      checkNotification(one, said.body, sender);
      assert.equal(said.dataOwnerConcernedId, one.sender);
      assert.equal(said.dataOwnerConcernedPubKey, bytes(sender.encryptionKey).toString("hex"));
    }
    const giver = reader.find(world.receipt.giverFingerprint);
    checkReceipt(world.receipt, giver);
    assert.throws(() => checkReceipt({ ...world.receipt, exchanges: [] }, giver), /does not verify/);
  });
});
