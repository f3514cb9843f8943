// What the package makes, read by the independent implementation (tests/independent/, written from docs/protocol.md).
// They meet in a relay in a directory and share no code.
import assert from "node:assert/strict";
import { pbkdf2Sync, randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { checkNotification, checkReceipt, notificationId, openNotification } from "../independent/back.mjs";
import { derive, verify } from "../independent/boxes.mjs";
import { qrPayload, verificationCode } from "../independent/code.mjs";
import { readHeader } from "../independent/envelope.mjs";
import { checkExchange, checkGrant, makeWrap, openWrap } from "../independent/grants.mjs";
import { checkKeyset } from "../independent/keyset.mjs";
import { Reader } from "../independent/reader.mjs";
import { readRelay } from "../independent/relay.mjs";
import { checkManifest, newSecret, relayHash } from "../independent/slots.mjs";
import { T, bytes, sha256, text, toBase64url } from "../independent/transcript.mjs";
import { inHex, packed, rsaPair, sample, vault } from "../tools/packed.mjs";

let made;
let device;

before(async () => {
  made = await packed();
  ({ device } = made);
});

after(() => made?.remove());

/** The bytes that stand for a value in an envelope (section 6). */
async function plain(data) {
  if (typeof data === "string") return text(data);
  if (data instanceof Blob) return Buffer.from(await data.arrayBuffer());
  if (data instanceof Uint8Array || data instanceof ArrayBuffer) return Buffer.from(data);
  return text(JSON.stringify(data));
}

describe("what the package made, read by the independent reader", () => {
  const names = ["alice", "next", "carol", "carolNew", "dave", "daveNew"];
  const secrets = Object.fromEntries(names.map((name) => [name, newSecret()]));
  const bobs = rsaPair();
  /** `{ title, data, metadata, options, sealed, readers }` for each item. */
  const items = [];
  /** What the package said: codes, keys, signatures. */
  const said = {};
  let records;
  let reader;
  const opened = {};

  before(async () => {
    const directory = join(made.folder, "by-the-package");
    const hub = await device(directory);
    const alice = await hub.connect({ login: "alice", ...vault(secrets.alice) }, { register: true });
    const bob = await (await device(directory)).connect({ login: "bob", ...inHex(bobs) }, { register: true });
    const carol = await (await device(directory)).connect({ login: "carol", ...vault(secrets.carol) }, { register: true });
    const note = (title, session, data, sealed, options = {}, readers = [session.login, ...(options.shareWith ?? [])]) =>
      items.push({ title, data, options, sealed, author: session.login, readers });
    const keep = async (title, session, data, options) => {
      const sealed = await session.encrypt(data, options);
      note(title, session, data, sealed, options);
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
    const file = new File([sample(300)], "ä.bin", { type: "image/png" });
    await keep("a file, by the third keyset", alice, file, { shareWith: ["bob"], sign: true });
    const blob = new Blob(["blob"], { type: "text/plain" });
    await keep("a blob of somebody with a pair", bob, blob, { shareWith: ["alice", "carol"], sign: true });
    await keep("carol's own", carol, "carol's");
    for (const session of [alice, bob, carol]) {
      const many = await session.encryptMany(Array.from({ length: 10 }, (_, n) => ({ data: `${session.login} ${n}` })));
      many.forEach((sealed, n) => note(`${session.login}'s number ${n}`, session, `${session.login} ${n}`, sealed));
    }
    await alice.changeSecret(vault(secrets.next), vault(secrets.alice));

    // Given later, and taken away again.
    const given = await keep("given to carol later", alice, "later");
    await alice.giveAccess([given.id], "carol", { until: new Date(Date.now() + 3_600_000) });
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

    // Of two items that Bob passed on, the owner takes one away: the grant is Bob's, and he has not written it anew.
    const two = ["one of two", "two of two"];
    const passedOn = await alice.encryptMany(two.map((data) => ({ data })), { shareWith: ["bob"] });
    const ids = passedOn.map(({ id }) => id);
    await bob.giveAccess(ids, "carol");
    said.cut = ids[0];
    await alice.revoke([said.cut], "carol");
    for (const [n, sealed] of passedOn.entries()) {
      note(`passed on, ${two[n]}`, alice, two[n], sealed, {}, n === 0 ? ["alice", "bob"] : ["alice", "bob", "carol"]);
    }

    // Its grant is signed by its hash.
    const crowd = await alice.encryptMany(Array.from({ length: 600 }, (_, n) => ({ data: `crowd ${n}` })), { shareWith: ["bob"] });
    for (const n of [0, 599]) note(`one of a crowd, ${n}`, alice, `crowd ${n}`, crowd[n], {}, ["alice", "bob"]);

    said.public = {};
    for (const session of [alice, bob, again, fresh]) {
      const { login } = session;
      const code = await session.trust.verificationCode(login);
      const seen = await alice.trust.verificationCode(login);
      const qr = await session.trust.qrPayload(login);
      said.public[login] = { ...session.publicKey, code, seen, qr, signed: await session.sign(sample(33)), long: await session.sign(sample(50_000)) };
    }
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
        assert.ok(found.by.includes(title.startsWith("passed on") && login === "carol" ? "bob" : author), title);
        assert.equal(found.author?.login, options.sign ? author : undefined, title);
        assert.equal(readHeader(Buffer.from(sealed.bytes)).padded, options.pad ?? false, title);
      }
    }
  });

  test("a grant that runs out says so, and what the owner took from another's grant is listed beside it", () => {
    const { id } = items.find(({ title }) => title === "given to carol later").sealed;
    const grants = kept("grant/").filter(({ grant }) => grant.entries.some(([item]) => item === id));
    assert.equal(grants.filter(({ grant }) => grant.notAfter > Date.now()).length, 1);
    const cut = kept("grant/").filter(({ cuts }) => cuts);
    assert.deepEqual(cut.map(({ grant, cuts }) => [reader.find(grant.grantorFingerprint).login, cuts]), [["bob", [said.cut]]]);
    // Who passes an item on says whose it is.
    const [{ grant: passedOn }] = cut;
    assert.deepEqual(passedOn.entries.map(([, , , origin]) => origin), Array(2).fill({ owner: "alice", sealer: "alice" }));
    assert.ok(grants.every(({ grant }) => grant.entries.every((entry) => entry.length === 3)), "who gives their own says nothing");
  });

  test("types, names and media types are as the page about the protocol says", () => {
    const types = items.slice(0, 10).map(({ sealed, readers }) => reader.read(opened[readers[0]], sealed.bytes).metadata);
    const expected = ["string", "json", "bytes", "bytes", "bytes", "bytes", "bytes", "buffer", "file", "blob"];
    assert.deepEqual(types.map(({ type }) => type), expected);
    assert.deepEqual([types[8].name, types[8].mediaType, types[9].mediaType], ["ä.bin", "image/png", "text/plain"]);
  });

  test("fingerprints, codes and QR payloads are what the package shows", () => {
    for (const [login, { fingerprint, code, seen, qr, signing, signed, long, version }] of Object.entries(said.public)) {
      const [{ keyset, fingerprint: found }] = opened[login].values();
      assert.equal(found.toString("hex"), fingerprint);
      assert.equal(keyset.version, version);
      assert.equal(verificationCode(login, found), code);
      assert.equal(seen, code);
      assert.equal(qrPayload(login, found), qr);
      verify(Buffer.from(signing, "hex"), T("application", sample(33)), Buffer.from(signed));
      verify(Buffer.from(signing, "hex"), T("application", sample(50_000)), Buffer.from(long));
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
    // Carol was told as well, at the keyset that she had lost.
    const all = new Map([...Object.values(opened), reader.openWithSecret("carol", secrets.carol)].flatMap((keys) => [...keys]));
    for (const one of notifications) {
      const sender = all.get(one.senderFingerprint);
      assert.equal(notificationId(sender, one.recipient), one.id);
      const { body, dataOwnerConcernedId, dataOwnerConcernedPubKey } = openNotification(one, all.get(one.recipientFingerprint));
      checkNotification(one, body, sender.keyset);
      assert.equal(dataOwnerConcernedId, one.sender);
      assert.equal(dataOwnerConcernedPubKey, bytes(sender.keyset.encryptionKey).toString("hex"));
    }
    for (const receipt of said.receipts) {
      checkReceipt(receipt, reader.find(toBase64url(Buffer.from(receipt.giverFingerprint, "hex"))));
      assert.equal(receipt.requester, "carol");
      assert.ok(receipt.exchanges.length > 0);
    }
  });

  test("a password opens by way of its root, and gives the application's secret too", async () => {
    const directory = join(made.folder, "by-a-password");
    // PBKDF2, because Node 20 has no Argon2; what Argon2id gives is in the recorded vectors.
    const [application, login, password] = ["independent", "émile/%", "ﬁsh and Ångström"];
    const kdf = { name: "pbkdf2", iterations: 600_000 };
    const hub = await device(directory, { application, kdf });
    const emile = await hub.connect({ login, password }, { register: true });
    const { bytes: envelope } = await emile.encrypt("by password");
    const salt = sha256(T("split", text(application), text(login))).subarray(0, 16);
    const root = pbkdf2Sync(password.normalize("NFKC"), salt, kdf.iterations, 32, "sha256");
    const [vaultSecret, appSecret] = ["vault", "app"].map((what) => derive(root, T(what)));
    const reader = new Reader(readRelay(directory));
    assert.equal(reader.read(reader.openWithSecret(login, vaultSecret), envelope).data.toString(), "by password");
    const derived = await made.regrant.deriveSecrets(password, { application, login, kdf });
    assert.deepEqual(derived, { vaultSecret: toBase64url(vaultSecret), appSecret: toBase64url(appSecret) });
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
        const why = /does not verify|who made it|S is too large|a point/;
        assert.throws(() => checkKeyset({ ...keyset, ...change }, find), why, Object.keys(change)[0]);
      }
      checkManifest(manifest, keyset, slots, keyset);
      assert.throws(() => checkManifest({ ...manifest, counter: 9 }, keyset, slots, keyset), /does not verify/);
      assert.throws(() => checkManifest(manifest, keyset, [{ ...slots[0], sealed: spoilt(slots[0].sealed) }], keyset), /other slots/);
    });

    test("an exchange key, a wrap, a grant", () => {
      const { exchange, wraps } = kept("exchange/").find(({ exchange }) => exchange.delegator === "bob" && exchange.delegate === "alice");
      const { keyset, ...own } = opened.bob.values().next().value;
      assert.throws(() => checkExchange({ ...exchange, delegate: "carol" }, keyset), /does not verify/);
      const recipients = [...exchange.recipients].reverse();
      assert.throws(() => checkExchange({ ...exchange, recipients }, keyset), /not sorted/);
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
