// What is wrong with arguments is told before anything is done: with the right code, and with nothing written.
import { combineShares, deriveSecrets, generateKeyPair, Regrant, splitSecret } from "regrant";

/** PKCS#8 in hex, with a bit of the private exponent changed, and of those by which it is used faster. */
function otherExponents(hex) {
  const bytes = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  // After the public exponent, 65537: d, both primes, d modulo each less one.
  let at = hex.indexOf("0203010001") / 2 + 5;
  for (const changed of [true, false, false, true, true]) {
    const long = bytes[at + 1] & 0x80 ? bytes[at + 1] & 0x7f : 0;
    const start = at + 2 + long;
    const length = long === 0 ? bytes[at + 1] : bytes.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    if (changed) bytes[start + (length >> 1)] ^= 1;
    at = start + length;
  }
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export default async function ({ code, equal, ok, rejects, same, vault, place, turns }) {
  const regrant = await Regrant.open({ application: "regrant", store: "memory", name: "bad" });
  const alice = await regrant.connect({ login: "alice", ...vault(1) });
  const bob = await regrant.connect({ login: "bob", ...vault(2) });
  const { id, bytes } = await alice.encrypt("fine", { shareWith: ["bob"] });
  const bad = "ERR_BAD_INPUT";
  const cyclic = {};
  cyclic.self = cyclic;
  let deep = [];
  for (let i = 0; i < 600; i++) deep = [deep];
  const detached = new Uint8Array(8);
  structuredClone(detached, { transfer: [detached.buffer] });
  class Own {}
  const never = [
    undefined, null, 1, NaN, true, () => 1, Symbol("s"), 1n, new Date(), new Map(), new Set(), /x/, new Own(), new Error("x"),
    Promise.resolve(1), new Uint16Array(2), new DataView(new ArrayBuffer(2)), new Float64Array(1), "\ud800", "a\udc00b",
    cyclic, deep, [undefined], { a: undefined }, { a: () => 1 }, { a: NaN }, [Infinity], { a: 1n }, { a: new Date() }, [, 1],
    Object.assign([1], { named: 1 }), { [Symbol("s")]: 1 }, { a: "\ud800" }, { "\ud800": 1 }, { toJSON: () => 1 }, detached,
    detached.buffer, Object.create({ inherited: 1 }), { a: new Uint8Array(1) }, new String("x"),
  ];
  if (typeof SharedArrayBuffer === "function") never.push(new SharedArrayBuffer(2));
  const changes = [];
  alice.on("changed", () => changes.push(1));
  await turns();
  changes.length = 0;
  for (const [at, data] of never.entries()) await code(alice.encrypt(data, { shareWith: ["bob"] }), bad, `data ${at}`);
  for (const [at, data] of never.entries()) await code(alice.encryptMany([{ data: "fine" }, { data }]), bad, `many ${at}`);
  for (const metadata of [null, 1, "x", [], new Map(), { a: undefined }, { a: "\ud800" }, { big: "x".repeat(1 << 20) }, deep, { deep }]) {
    await code(alice.encrypt("x", { metadata }), bad, `metadata ${typeof metadata}`);
  }
  const long = "x".repeat(257);
  const logins = [undefined, null, 1, {}, "", long, "é".repeat(129), "a\nb", "e\u0301", "\ud800", ["alice"], new String("bob")];
  for (const [at, login] of logins.entries()) {
    await code(regrant.connect({ login, ...vault(3) }), bad, `login ${at}`);
    await code(alice.encrypt("x", { shareWith: ["bob", login] }), bad, `shareWith ${at}`);
    if (!Array.isArray(login)) await code(alice.giveAccess([id], login), bad, `giveAccess ${at}`);
    await code(alice.revoke([id], login), bad, `revoke ${at}`);
    await code(alice.trust.state(login), bad, `trust ${at}`);
    await code(alice.identities.getLatestPublicKeys([login]), bad, `keys ${at}`);
    await code(alice.giveAccessBackTo(login, bob.publicKey.encryption), bad, `back ${at}`);
    await code(deriveSecrets("x", { application: "x", login }), bad, `derive ${at}`);
    await code(regrant.loseKeys(login), bad, `lose ${at}`);
  }
  for (const given of ["bob", {}, null, 1]) await code(alice.encrypt("x", { shareWith: given }), bad, "shareWith");
  for (const given of [null, 1, "x", []]) await code(alice.encrypt("x", given), bad, "options");
  for (const given of [1, "yes", null]) {
    for (const option of ["pad", "sign"]) await code(alice.encrypt("x", { [option]: given }), bad, option);
  }
  for (const given of [1, null, "", "x", `${id}0`, id.replaceAll("-", ""), [id]]) {
    await code(alice.encrypt("x", { id: given }), bad, "id");
    await code(alice.whoCanRead(given), bad, "whoCanRead");
    await code(alice.giveAccess([given], "bob"), bad, "items");
    await code(alice.notifications.get(given), bad, "notification");
  }
  for (const given of ["everything", undefined, null, id, {}]) await code(alice.giveAccess(given, "bob"), bad, "items");
  for (const until of [null, 1, "tomorrow", new Date(NaN), Date.now(), new Date(1000)]) {
    await code(alice.giveAccess([id], "bob", { until }), bad, "until");
  }
  for (const onProgress of [null, 1, {}]) await code(alice.encryptMany([], { onProgress }), bad, "onProgress");
  for (const signal of [null, 1, {}, { aborted: false }]) {
    await code(alice.encryptMany([], { signal }), bad, "signal");
    await code(regrant.connect({ login: "carol", ...vault(3) }, { signal }), bad, "signal");
  }
  for (const given of [null, 1, {}, "x"]) {
    await code(alice.encryptMany(given), bad, "encryptMany");
    await code(alice.decryptMany(given), bad, "decryptMany");
  }
  for (const sealed of [undefined, null, "x", 1, {}, [1], new Uint16Array(9), detached.buffer]) await code(alice.decrypt(sealed), bad, "decrypt");
  for (const sealed of [new Uint8Array(), bytes.slice(0, -1), bytes.slice(0, 40), bytes.map((byte, i) => (i === 60 ? byte ^ 1 : byte))]) {
    await code(alice.decrypt(sealed), "ERR_CORRUPT", `decrypt ${sealed.length}`);
  }

  // Secrets.
  const pair = await generateKeyPair({ modulusLength: 2048 });
  // One modulus, and exponents that do not fit it: what was sealed to it would open for nobody.
  const unfit = { ...pair, privateKey: otherExponents(pair.privateKey) };
  for (const engine of ["auto", "rust"]) {
    const strict = await Regrant.open({ application: "regrant", store: "memory", name: `unfit-${engine}`, engine });
    await code(strict.connect({ login: "carol", keyPair: unfit }), bad, `unfit, ${engine}`);
  }
  const whos = [
    undefined, null, "carol", {}, { login: "carol" }, { login: "carol", password: "" }, { login: "carol", password: 1 },
    { login: "carol", password: null }, { login: "carol", password: "\ud800" }, { login: "carol", password: "x".repeat(4097) },
    { login: "carol", vaultSecret: "" }, { login: "carol", vaultSecret: "short" }, { login: "carol", vaultSecret: 1 },
    { login: "carol", keyPair: {} }, { login: "carol", keyPair: "x" }, { login: "carol", keyPair: { ...pair, privateKey: "zz" } },
    { login: "carol", keyPair: { publicKey: pair.privateKey, privateKey: pair.publicKey } },
    { login: "carol", password: "x", ...vault(1) }, { login: "carol", keyPair: pair, ...vault(1) },
  ];
  for (const [at, who] of whos.entries()) await code(regrant.connect(who), bad, `who ${at}`);
  for (const given of [{ register: 1 }, { reset: "yes" }, null]) await code(regrant.connect({ login: "carol", ...vault(3) }, given), bad, "connect");
  await code(alice.identities.getLatestPublicKey("carol"), "ERR_IDENTITY_NOT_FOUND", "somebody was registered");
  for (const given of [undefined, null, {}, { password: "" }, { keyPair: pair }]) {
    await code(alice.changeSecret(given), bad, "changeSecret");
    if (given !== undefined) await code(alice.changeSecret(vault(4), given), bad, "changeSecret");
  }
  await code(alice.unlock({ password: "" }), bad, "unlock");
  await code(deriveSecrets("", { application: "x", login: "x" }), bad);
  await code(deriveSecrets("x", undefined), bad);
  await code(deriveSecrets("x", { application: "", login: "x" }), bad);
  await code(deriveSecrets("x", { login: "x" }), bad);
  await code(deriveSecrets("x", { application: "cafe\u0301", login: "x" }), bad);
  const weak = [
    { name: "argon2id", memoryKiB: 19455, iterations: 2 }, { name: "argon2id", memoryKiB: 65536, iterations: 0 },
    { name: "argon2id", memoryKiB: 2 ** 40, iterations: 3 }, { name: "pbkdf2", iterations: 599_999 }, { name: "pbkdf2", iterations: 10_000_001 },
  ];
  const odd = [null, "argon2id", {}, { name: "scrypt", iterations: 1 }, { name: "pbkdf2" }, { name: "pbkdf2", iterations: "600000" },
    { name: "pbkdf2", iterations: 600_000.5 }, { name: "argon2id", iterations: 3 }, { name: "pbkdf2", iterations: -1 }];
  for (const [kdfs, expected] of [[weak, "ERR_WEAK_KDF"], [odd, bad]]) {
    for (const kdf of kdfs) {
      await code(Regrant.open({ application: "regrant", kdf }), expected, JSON.stringify(kdf));
      await code(deriveSecrets("x", { application: "x", login: "x", kdf }), expected, JSON.stringify(kdf));
    }
  }
  for (const modulusLength of [1024, "2048", 3000, null]) await code(generateKeyPair({ modulusLength }), bad, "modulusLength");
  const secret = Uint8Array.of(1, 2, 3);
  for (const given of [undefined, {}, { threshold: 1, shares: 3 }, { threshold: 4, shares: 3 }, { threshold: 2, shares: 256 },
    { threshold: 2.5, shares: 3 }, { threshold: "2", shares: 3 }]) await code(splitSecret(secret, given), bad, "splitSecret");
  for (const given of [new Uint8Array(), new Uint8Array(65_537), "x", [1], null]) await code(splitSecret(given, { threshold: 2, shares: 3 }), bad);
  const shares = await splitSecret(secret, { threshold: 3, shares: 4 });
  same(await combineShares(shares.slice(1)), secret);
  await code(combineShares(shares.slice(2)), "ERR_VERIFICATION_FAILED");
  await code(combineShares(shares.slice(3)), "ERR_VERIFICATION_FAILED");
  for (const given of [undefined, "x", ["x"], [null]]) await code(combineShares(given), bad, "combineShares");

  // Opening.
  for (const given of [
    null, 1, { name: "" }, { name: "a/b" }, { name: "x".repeat(65) }, { name: 1 }, { application: "" }, { application: 1 },
    { application: "x".repeat(257) }, { engine: "fast" }, { store: "cookies" }, { store: null }, { store: {} }, { store: [] },
    { store: { directory: "" } }, { store: { directory: 1 } }, { store: { get() {} } }, { store: { get: 1, write: 1 } }, { relay: null },
    { relay: "relay.example" }, { relay: "/relay" }, { relay: "ftp://relay.example" }, { relay: "https://user:password@relay.example" },
    { relay: "https://relay.example?x" }, { relay: new URL("https://relay.example#x") }, { relay: "https://relay.example", token: 1 }, { relay: "https://relay.example", token: "a b" }, { relay: "https://relay.example", fetch: 1 }, { fetch }, { offline: "queue" }, { relay: {} }, { relay: { directory: "" } },
    { relay: { directory: 1 } }, { trust: true }, { token: "x" }, { authSecretProvider: {} },
    { relayId: "" }, { relayId: 1 }, { relayId: "x".repeat(257) }, { relayId: "cafe\u0301" }, { application: "cafe\u0301" }, { application: "a\u0000" },
    { application: undefined },
  ]) await code(Regrant.open(given === null || typeof given !== "object" ? given : { application: "regrant", ...given }), bad, JSON.stringify(given));
  await code(Regrant.open(), bad);
  await code(Regrant.open({ name: "bad" }), bad);
  if (place === "node") await code(Regrant.open({ application: "regrant", store: "indexeddb" }), "ERR_STORE_MISSING");
  else await code(Regrant.open({ application: "regrant", relay: { directory: "x" } }), bad);
  // What is misspelt, and passed over, gives access for ever, really revokes, or registers somebody.
  const soon = new Date(Date.now() + 5000);
  for (const call of [
    () => Regrant.open({ application: "regrant", aplication: "x" }), () => regrant.connect({ login: "new", ...vault(9) }, { registre: false }),
    () => alice.encrypt("x", { shareWtih: ["bob"] }), () => alice.encryptMany([{ data: "x", shareWith: ["bob"] }]),
    () => alice.encryptMany([{ data: "x" }], { metadata: {} }), () => alice.encryptStream({ size: 1 }), () => alice.store(new Blob(["x"]), { sharewith: [] }),
    () => alice.retrieve(id, { from: 1 }), () => alice.giveAccess([id], "bob", { untill: soon }), () => alice.revoke([id], "bob", { dryrun: true }),
    () => alice.remove([id], { Hard: true }), () => alice.giveAccessBackTo("bob", "00", { code: "1" }), () => alice.decrypt(new Uint8Array(64), { why: "x" }),
    () => alice.identities.create({ login: "team" }, { shareGroup: ["bob"] }), () => alice.identities.list({ page: 1 }),
    () => alice.identities.replaceSharingGroup("alice", ["alice"], { dryRun: true }), () => alice.identities.renewKeys("alice", { password: "x" }),
    () => alice.identities.accessLogs({ who: "bob" }), () => alice.identities.requestAccess({ login: "bob", expiry: soon }),
    () => alice.identities.listAccess("alice", { from: 1 }), () => alice.notifications.pendingAfter(0, { kind: "x" }),
    () => alice.admin.overwriteKeys("bob", { password: "x" }), () => generateKeyPair({ bits: 2048 }),
    // What belongs into the second argument, in the first, and the other way round.
    () => regrant.connect({ login: "new", ...vault(9), register: false }), () => regrant.connect({ login: "new", ...vault(9), reset: true }),
    () => alice.unlock({ ...vault(1), login: "alice" }), () => alice.identities.create({ login: "team", kind: "group", sharingGroup: ["bob"] }),
    () => alice.identities.create({ login: "team", knid: "group" }), () => alice.identities.update({ login: "alice", nmae: "x" }),
    () => splitSecret(new Uint8Array(32), { threshold: 2, shares: 3, of: 4 }), () => deriveSecrets("x", { application: "x", login: "y", salt: "z" }),
  ]) {
    const error = await call().then(() => undefined, (thrown) => thrown);
    ok(error?.code === bad && / has no \w+: it has /.test(error.message), `${call}: ${error?.message}`);
  }
  equal((await alice.identities.list({ search: "new" })).items.length, 0);
  equal((await alice.identities.list({ search: "team" })).items.length, 0);
  // What `get` gave may come back with something changed.
  await alice.identities.update({ ...(await alice.identities.get("alice")), name: "Alice" });
  equal((await alice.identities.get("alice")).name, "Alice");
  // What is undefined is left out, as everywhere.
  same(await alice.notifications.pendingAfter(0, { type: undefined, kind: undefined }), []);
  // What has some of the methods, those of earlier versions, or of a storage in the place of a relay.
  const storage = { read() {}, commit() {}, putParts() {}, getParts() {}, countParts() {}, dropParts() {} };
  const half = [
    [{ call() {}, putParts() {} }, "this object lacks getParts, subscribe"],
    [{ get() {}, list() {}, commit() {}, putParts() {}, getParts() {}, countParts() {}, dropParts() {} }, "this object lacks call, subscribe"],
    [storage, "this object lacks call, subscribe"],
    [{ storage: { read() {}, commit() {} } }, "relay.storage lacks putParts, getParts, countParts, dropParts"],
    [{ storage: {} }, "relay.storage lacks read, commit"],
    [{ storage: "indexeddb" }, 'relay is "embedded"'],
    [{ storage: null }, 'relay is "embedded"'],
    [{ get() {}, list() {}, commit() {} }, 'relay is "embedded"'],
  ];
  for (const [relay, said] of half) {
    const error = await code(Regrant.open({ application: "regrant", relay }), bad, said);
    ok(error.message.includes(said), error.message);
  }
  for (const call of [() => alice.on("nothing", () => 1), () => alice.on("changed", 1), () => alice.notifications.subscribe(1)]) {
    await code(async () => call(), bad, "on");
  }
  for (const when of [undefined, null, NaN, -1, "now", new Date(NaN)]) await code(alice.notifications.pendingAfter(when), bad, "when");
  await code(alice.notifications.setStatus(id, "done"), bad);
  await code(alice.notifications.get(id), "ERR_NOT_FOUND");
  await code(alice.notifications.pendingAfter(0, { type: "KEYPAIR_UPDATE" }), bad);
  // Whoever mistyped a code is told so, and need not think of an attack.
  for (const [given, none] of [["12345", true], ["", true], ["1".repeat(29), true], ["no code", true], ["1".repeat(30), false], ["regrant:verify:1:x:y", false]]) {
    const error = await code(alice.trust.verify("bob", given), "ERR_VERIFICATION_FAILED");
    equal(/this is no verification code/.test(error.message), none, given);
  }
  await code(alice.trust.accept("bob", "00"), bad);
  // Of an opening with a reason that the log cannot hold, the owner would hear nothing.
  await code(bob.decrypt(bytes, { reason: "é".repeat(513) }), bad);
  same((await alice.identities.accessLogs({ item: id })).items, []);
  await bob.decrypt(bytes, { reason: "é".repeat(512) });
  equal((await alice.identities.accessLogs({ item: id })).items.length, 1);
  changes.length = 0;
  await code(alice.stopSharingFuture(["bob", "zoe"]), "ERR_IDENTITY_NOT_FOUND");
  await alice.stopSharingFuture(["bob"]);
  // What is likely to be meant is said.
  const said = async (work) => (await code(work(), bad)).message;
  ok(/await it/.test(await said(() => bob.decrypt(Promise.resolve(bytes)))));
  ok(/property bytes/.test(await said(() => bob.decrypt({ id, bytes }))));
  ok(/await it/.test(await said(() => alice.encrypt(Promise.resolve("x")))));
  ok(/await it/.test(await said(() => alice.encrypt({ text: Promise.resolve("x") }))));
  ok(/await it/.test(await said(() => regrant.connect(Promise.resolve({ login: "new", ...vault(9) })))));
  ok(/still to come/.test(await said(() => alice.identities.requestAccess({ login: "bob", expires: 60_000 }))));
  await code(alice.trust.verify("bob", 12345), bad);
  await code(alice.sign("x"), bad);
  await code(alice.identities.renewKeys("bob"), "ERR_FORBIDDEN");
  await code(alice.giveAccessBackTo("bob", "not hex"), bad);

  // No message repeats what it was given, and nothing was written.
  const told = await rejects(regrant.connect({ login: "carol", password: "", vaultSecret: "TELLTALE" }));
  const more = await rejects(alice.encrypt({ TELLTALE: { TELLTALE: undefined } }));
  ok(!/TELLTALE/.test(told.message + more.message));
  await turns();
  equal(changes.length, 0, "something was written");
  same((await alice.whoCanRead(id)).map((reader) => [reader.login, reader.until]), [["alice", undefined], ["bob", undefined]]);
  const seen = await code(alice.encrypt("x", { shareWith: ["bob", "zoe", "alice", "yan", "zoe"] }), "ERR_IDENTITY_NOT_FOUND");
  same([...seen.logins].sort(), ["yan", "zoe"]);
  ok(/yan/.test(seen.message) && /zoe/.test(seen.message));
  same(await alice.giveAccess([], "bob"), { items: 0 });
  same([await alice.giveAccess([id], []), await alice.giveAccess("all", [])], [{ items: 0 }, { items: 0 }]);
  same(await alice.giveAccess([id, id.toUpperCase()], ["bob", "bob"]), { items: 1 });
}
