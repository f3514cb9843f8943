// What a program in TypeScript may write; compiled by `cargo xtask check`, never run.
import {
  combineShares,
  deriveSecrets,
  generateKeyPair,
  init,
  openRelay,
  Regrant,
  RegrantError,
  requestPersistence,
  Session,
  splitSecret,
  support,
  version,
  type AccessLogEntry,
  type AccessRequest,
  type Data,
  type ErrorCode,
  type JsonObject,
  type Identity,
  type Kdf,
  type Link,
  type Notification,
  type Opened,
  type Page,
  type PublicKey,
  type Relay,
  type RelayAnswer,
  type RelayCommit,
  type RelayQuestion,
  type RelayStorage,
  type Sealed,
  type Store,
  type TrustState,
  type WasmSource,
} from "regrant";
import { createRelay, directoryStorage, memoryStorage, sqliteStorage, type ServedRelay } from "regrant/relay";
import { RelayServer } from "regrant/server";
import { createServer } from "node:http";

const sources: WasmSource[] = [
  "/regrant_bg.wasm",
  new URL("https://example.org/regrant_bg.wasm"),
  new Response(),
  fetch("/regrant_bg.wasm"),
  new ArrayBuffer(8),
  new Uint8Array(8),
  new WebAssembly.Module(new Uint8Array(8)),
];
for (const source of sources) await init(source);
await init();

export const text: string = await version();
export const notes: readonly string[] = (await support()).notes;

// @ts-expect-error: it takes nothing
await version(1);

const kdf: Kdf = { name: "argon2id", memoryKiB: 65536, iterations: 3 };
// @ts-expect-error: argon2id has a memory size
export const incomplete: Kdf = { name: "argon2id", iterations: 3 };
const { vaultSecret, appSecret } = await deriveSecrets("password", { application: "app", login: "alice", kdf });
export const shares: Uint8Array[] = await splitSecret(new Uint8Array(32), { threshold: 2, shares: 3 });
export const secret: Uint8Array = await combineShares(shares);
const keyPair = await generateKeyPair({ modulusLength: 4096 });
// @ts-expect-error: not a length that there is
await generateKeyPair({ modulusLength: 1024 });

const regrant: Regrant = await Regrant.open({ relay: "embedded", store: "memory", name: "x", application: "app", kdf, engine: "auto" });
await Regrant.open({ application: "regrant", relay: { directory: "/var/lib/relay" } });

// A relay at an address, and one inside a server of one's own.
await Regrant.open({ application: "regrant", relay: "https://relay.example", token: "a.b.c" });
await Regrant.open({ application: "regrant", relay: new URL("https://relay.example/path"), fetch, token: async (why: "first" | "expiring" | "refused") => why });
const pem = "-----BEGIN PUBLIC KEY-----";
const served: ServedRelay = createRelay({
  storage: sqliteStorage("relay.db"),
  publicUrl: "https://relay.example",
  origins: ["https://app.example"],
  tenants: { regrant: { keys: [pem, { id: "2026", key: pem }], registration: "token", reset: "token", administrators: ["alice"] } },
});
export const carried: Promise<Response> = served.fetch(new Request("https://relay.example/v1/regrant/call"));
createServer(served.listener);
createRelay({ storage: await directoryStorage("relay"), dev: true, origins: "*", onError: console.error });
// @ts-expect-error: nobody is let in so
createRelay({ storage: memoryStorage(), tenants: { regrant: { registration: "everybody" } } });
await served.close();
const backend = new RelayServer({ relay: "https://relay.example", application: "regrant", key: "-----BEGIN PRIVATE KEY-----", keyId: "2026" });
export const vouched: string = await backend.createUserToken("alice", { group: "clinic", lifetimeSeconds: 600 });
// @ts-expect-error: a key is needed to vouch for anybody
new RelayServer({ relay: "https://relay.example", application: "regrant" });

// A relay that one talks to, the embedded one as such, and what that keeps its records in.
const answers: RelayAnswer[] = [{ reply: "done" }, { refused: "ERR_CONFLICT", message: "x", logins: ["bob"], lasting: true }];
const relay: Relay = {
  origin: "https://relay.example",
  call: async (token: string | undefined, operations) => operations.map(({ op }, at) => (token && op ? answers[at]! : answers[0]!)),
  async putParts(_token, item: string, parts) {
    for (const [name, bytes] of parts) await fetch(`/${item}/${name}`, { method: "PUT", body: bytes });
  },
  getParts: async (_token, _item, _basis: string, names) => names.map(() => undefined),
  subscribe: (_login, listener) => (listener(), () => {}),
};
await Regrant.open({ application: "regrant", relay, relayId: "https://relay.example" });
export const replies: readonly RelayAnswer[] = await (await openRelay({ relayId: "x", name: "x" })).call(undefined, [{ op: "identities", logins: ["alice"] }]);
const asked = (question: RelayQuestion) => ("record" in question ? question.record : "head" in question ? question.head : question.after);
const storage: RelayStorage = {
  read: (questions) => questions.map(asked),
  commit: ({ records, lists, writes, appends }: RelayCommit) => records.length + lists.length + writes.length + appends.length > 0,
  async putParts() {},
  getParts: (_item, names) => names.map(() => new Uint8Array()),
  countParts: async () => 0,
  dropParts() {},
};
await openRelay({ relay: { storage } });
await Regrant.open({ application: "regrant", relay: { storage } });
// @ts-expect-error: a storage is no relay that one talks to
await Regrant.open({ application: "regrant", relay: storage });
// @ts-expect-error: and a relay that one talks to is not opened
await openRelay({ relay });
// @ts-expect-error: nor is one told whose it is
await openRelay({ application: "regrant" });
// @ts-expect-error: whoever asks has a token, or none
await relay.call([{ op: "identities" }]);
// @ts-expect-error: made by open()
export const made = new Regrant();

const { signal } = new AbortController();
const session: Session = await regrant.connect({ login: "alice", password: "x" }, { register: false, reset: true, signal });
await regrant.connect({ login: "alice", vaultSecret });
await regrant.connect({ login: "alice", keyPair });
// @ts-expect-error: exactly one secret
await regrant.connect({ login: "alice", password: "x", vaultSecret });
// @ts-expect-error: no secret
await regrant.connect({ login: "alice" });
export const resumed: Session | null = await regrant.resume();
// @ts-expect-error: read only
session.login = appSecret;

const json: JsonObject = { a: [1, "x", null, { b: true }] };
const everything: Data[] = ["text", json, [1, json], new Uint8Array(1), new ArrayBuffer(1), new Blob([]), new File([], "x")];
for (const data of everything) await session.encrypt(data, { shareWith: ["bob"], metadata: json, id: "…", pad: true, sign: true });
const row: { title: string; done: boolean } = { title: "x", done: false };
await session.encrypt(row);
// @ts-expect-error: numbers alone are no data
await session.encrypt(1);
// @ts-expect-error: JSON has no dates
await session.encrypt({ when: new Date() });

const sealed: Sealed = await session.encrypt("x");
const opened: Opened = await session.decrypt(sealed.bytes);
if (opened.type === "string") opened.data.toUpperCase();
else if (opened.type === "file") opened.data.name.toUpperCase();
else if (opened.type === "bytes") opened.data.subarray(1);
export const author: { login: string; verified: boolean } = opened.author;
const many: Sealed[] = await session.encryptMany([{ data: "x", metadata: json }], {
  shareWith: ["bob"],
  onProgress: (done, total) => console.log(done, total),
  signal,
});
export const all: Opened[] = await session.decryptMany(many.map((item) => item.bytes));

const given: { items: number } = await session.giveAccess("all", ["bob"], { until: new Date() });
await session.giveAccess([sealed.id], "bob", { onProgress: (done: number) => console.log(done + given.items), signal });
// @ts-expect-error: a date
await session.giveAccess("all", "bob", { until: 1 });
export const remaining: string[] = (await session.revoke("all", "bob", { dryRun: true })).stillUnderOldKey;
for (const { until } of await session.whoCanRead(sealed.id)) until?.toISOString();
const receipt = await session.giveAccessBackTo("bob", session.publicKey.encryption, { verificationCode: "…", chain: true });
export const pending: string[] = receipt.pending;

await session.changeSecret({ password: "new" }, { vaultSecret });
// @ts-expect-error: a key pair is no password
await session.changeSecret({ keyPair });
await session.unlock({ keyPair });
await session.lock();
await session.refresh();
export const signature: Uint8Array = await session.sign(new Uint8Array(1));

const { transform, sealedLength } = await session.encryptStream({ length: 5, shareWith: ["bob"] });
export const size: number | undefined = sealedLength;
const opening = session.decryptStream();
const stream: ReadableStream<Uint8Array> = new Blob(["x"]).stream().pipeThrough(transform).pipeThrough(opening);
export const signer: string = (await opening.opened).author.login;
const file = await session.retrieve((await session.store(new Blob(["x"]), { pad: true })).id, { range: [0, 1] });
await new Response(file.stream).arrayBuffer();
await stream.cancel();
// @ts-expect-error: a Blob
await session.store("x");

export const persistent: boolean = await requestPersistence();
const map = new Map<string, string>();
const store: Store = {
  get: async (key) => map.get(key),
  async write(changes) {
    for (const [key, text] of changes) text === null ? map.delete(key) : map.set(key, text);
  },
};
await Regrant.open({ application: "regrant", store });
await Regrant.open({ application: "regrant", store: "localstorage" });
await Regrant.open({ application: "regrant", store: { directory: "keys" } });
// @ts-expect-error: a store reads, too
await Regrant.open({ application: "regrant", store: { write: store.write } });
// @ts-expect-error: no such store
await Regrant.open({ application: "regrant", store: "cookies" });

const stop: () => void = session.on("granted", () => {});
stop();
// @ts-expect-error: no such event
session.on("nothing", () => {});

const keys: PublicKey[] = await session.identities.getLatestPublicKeys(["alice", "bob"]);
await session.identities.getPublicKey({ login: "alice", version: keys[0]?.version ?? 1 });
const renewed: { resigned: string[]; notResigned: string[] } = await session.identities.renewKeys(undefined, { secret: "new" });
await session.identities.renewKeys("alice", { compromised: { since: new Date() }, secret: renewed.resigned.join() });
await session.encrypt("next", { id: sealed.id, ifVersion: "latest" });
// @ts-expect-error: a version, or the latest
await session.encrypt("next", { id: sealed.id, ifVersion: "newest" });
const state: TrustState = await session.trust.state("bob");
export const known: boolean = state === "verified";
await session.trust.verify("bob", await session.trust.qrPayload("bob"));
await session.trust.accept("bob", (await session.trust.candidates("bob"))[0]?.fingerprint ?? "");

session.on("online", () => {});
session.on("offline", () => {});
session.on("warning", ({ kind, logins, message }) => console.log(kind satisfies "fork" | "older-own-keys" | "pins-withheld" | "shares-withheld" | "pins-not-kept", logins.length, message));
export const forked: readonly string[] = session.warnings.flatMap(({ logins }) => logins);
session.on("trust", ({ login, state }) => console.log(login, state satisfies TrustState));
await session.identities.create({ login: "ward", kind: "group", payload: { beds: 12 } }, { sharingGroup: ["alice"], secret: "x" });
await session.identities.update({ login: "ward", name: null });
// @ts-expect-error: every identity has a kind
await session.identities.update({ login: "ward", kind: null });
const page: Page<Identity> = await session.identities.list({ search: "w", kind: "group", limit: 10 });
const ward: Session = await session.identities.as(page.items[0]?.login ?? "ward");
const links: Link[] = await ward.identities.getSharingGroup("ward");
await session.identities.replaceSharingGroup("ward", links.filter(({ locked }) => !locked).map(({ login }) => login), { signal });
await session.identities.replaceSharingGroup("ward", ["alice"], { expected: links.map(({ login }) => login) });
await session.identities.removeFromSharingGroup("ward", ["bob"], { signal });
await session.identities.create({ login: "team" }, { sharingGroup: ["alice", "bob"], managers: ["alice"] });
await session.decrypt(sealed.bytes, { reason: "round" });
await session.remove([sealed.id], { hard: true });
await session.shareFuture(await session.sharingFuture());
const entries: AccessLogEntry[] = (await session.identities.accessLogs({ item: sealed.id })).items;
export const acted: string | undefined = entries[0]?.as;
const request: AccessRequest = await session.identities.requestAccess({ login: "bob", expires: Date.now() + 1000 });
const said = await request.wait({ timeoutMs: 1000, signal });
export const answered: Uint8Array = said.answer;
export const [answeredBy, compared]: [string, boolean] = [said.author.login, said.author.verified];
session.identities.onAccessRequest(({ verified }) => (verified ? { answer: new Uint8Array(1) } : { refuse: true }));
// @ts-expect-error: an answer, or no
await session.identities.resolveAccess(request, {});
await session.admin.overwriteKeys("bob", { secret: "x" });
export const unlocked: number[] = await session.identities.unlockVersions("bob", { vaultSecret });
await Regrant.open({ application: "regrant", trust: ({ chained, pinned }) => (chained && pinned?.verified ? "trust" : "refuse") });
// @ts-expect-error: a policy answers
await Regrant.open({ application: "regrant", trust: () => 1 });

session.notifications.subscribe((notification: Notification) => {
  void session.giveAccessBackTo(notification.properties.dataOwnerConcernedId, notification.properties.dataOwnerConcernedPubKey);
});
await session.notifications.pendingAfter(new Date(), { type: "KEY_PAIR_UPDATE" });
await session.notifications.setStatus("…", "completed");

try {
  await session.disconnect();
} catch (error) {
  if (error instanceof RegrantError) {
    const code: ErrorCode = error.code;
    // @ts-expect-error: no such code
    if (error.code === "ERR_NOTHING") console.log(code, error.logins, error.retryable);
  }
}
await regrant.loseKeys("alice");
await regrant.close();
