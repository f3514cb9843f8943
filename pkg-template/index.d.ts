// The package's types, written by hand. Sizes are in bytes, times in milliseconds since 1970 unless a `Date` is asked
// for, keys and fingerprints in lowercase hex. Every function and method rejects with a `RegrantError`, and with the
// signal's reason when it was aborted; `ERR_BAD_INPUT` for arguments of the wrong kind is not repeated everywhere.

// ---- loading ----

/** Where the WebAssembly may come from: an address, a response, its bytes, or a module compiled elsewhere. */
export type WasmSource =
  | string
  | URL
  | Response
  | Promise<Response>
  | ArrayBuffer
  | ArrayBufferView<ArrayBuffer>
  | WebAssembly.Module;

/**
 * Loads the WebAssembly. Every function of the package does so by itself at its first call: call this only to choose
 * where the file comes from, or to load it before it is needed.
 *
 * Calls made while one is under way share it; after a success further calls do nothing; after a failure the next call
 * tries again. After `ERR_POISONED` it starts the module anew: whatever was open before is gone, and is to be opened
 * and connected again.
 *
 * `relay`: where the embedded relay's file comes from, `regrant/relay_bg.wasm`, which is loaded when one is first used.
 *
 * Errors: `ERR_INIT_FAILED`.
 */
export function init(source?: WasmSource, o?: { readonly relay?: WasmSource }): Promise<void>;

/** The package's version, for example `"0.1.0"`. */
export function version(): Promise<string>;

/** What an environment can do, and what is used where it cannot. */
export interface SupportReport {
  /** WebAssembly can be compiled. Without it nothing works. */
  readonly wasm: boolean;
  /** `crypto.subtle` is there. It is missing on pages that are not served over HTTPS (or from localhost). */
  readonly webcrypto: boolean;
  /** The browser has Ed25519 keys. */
  readonly ed25519: boolean;
  /** There is IndexedDB, and it opens databases: some private windows and sandboxes refuse. */
  readonly indexeddb: boolean;
  /** There is localStorage, and it takes something. Workers and Node have none. */
  readonly localstorage: boolean;
  /** The browser promised not to clear what is stored here when space gets short: see `requestPersistence`. */
  readonly persisted: boolean;
  /**
   * Private keys can rest in IndexedDB without being readable. Lockdown modes refuse it: everything else rests there
   * all the same, and a session that is resumed is locked until `unlock`.
   */
  readonly keysAtRest: boolean;
  /** There are workers. */
  readonly workers: boolean;
  /** There is `BroadcastChannel`: tabs hear of each other's changes. */
  readonly channels: boolean;
  /** What `engine: "auto"` would be; with `"rust"` it has to be asked for. */
  readonly engine: "webcrypto" | "rust";
  /** What a store is where none is chosen. */
  readonly store: "indexeddb" | "localstorage" | "memory";
  /** Where an embedded relay keeps its records. */
  readonly relay: "indexeddb" | "memory";
  /** For each thing that is missing, one sentence: what it means and what is used instead. */
  readonly notes: readonly string[];
}

/** Says what this environment can do. Works, and tells why, where `init` does not. Nothing of it is remembered. */
export function support(): Promise<SupportReport>;

/**
 * Asks the browser not to clear what is stored for this origin when space gets short, and says whether it will not.
 * The package never asks by itself, because Firefox asks the user: call it when the user would understand why, such as
 * on a click after the first `connect`. Other browsers decide silently, and may change their mind at a later call.
 * `false` where nothing like it exists; never an error.
 */
export function requestPersistence(): Promise<boolean>;

// ---- secrets and keys ----

/**
 * How slowly a password becomes a key. It enters the derivation: fixed for an application's life.
 *
 * - `argon2id`: at least 19,456 KiB with 2 iterations or 47,104 KiB with 1; at most 1,048,576 KiB and 10 iterations.
 *   The default is 65,536 KiB and 3.
 * - `pbkdf2` (HMAC-SHA-256), for where only FIPS algorithms may be used: 600,000 to 10,000,000 iterations.
 *
 * Outside of that: `ERR_WEAK_KDF`.
 */
export type Kdf =
  | { readonly name: "argon2id"; readonly memoryKiB: number; readonly iterations: number }
  | { readonly name: "pbkdf2"; readonly iterations: number };

/**
 * Derives two independent secrets from one password: `vaultSecret` opens the login's keys and never leaves the
 * device; `appSecret` is for the application's own login. Neither tells the other. Both are 32 bytes in base64url,
 * and the same wherever they are derived.
 *
 * Takes about a second on purpose. It happens in a worker, in Node in a thread, which an abort ends; where there are none,
 * and in `regrant/inline`, on the thread that asks.
 *
 * Errors: `ERR_WEAK_KDF`; `ERR_BAD_INPUT` for an empty password, a bad login or application, or too little memory.
 */
export function deriveSecrets(
  password: string,
  o: { readonly application: string; readonly login: string; readonly kdf?: Kdf | undefined; readonly signal?: AbortSignal | undefined },
): Promise<{ vaultSecret: string; appSecret: string }>;

/** An RSA key pair that the application keeps itself: the public half as SPKI, the private one as PKCS#8, both hex. */
export interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Makes a key pair for `connect`. `modulusLength` is 3072 where it is left out. */
export function generateKeyPair(o?: { readonly modulusLength?: 2048 | 3072 | 4096 | undefined }): Promise<KeyPair>;

/**
 * Splits a secret of 1 to 65,536 bytes into shares (Shamir), any `threshold` of which give it back, and fewer of
 * which say nothing about it. 2 <= `threshold` <= `shares` <= 255. Each share is 17 bytes longer than the secret.
 */
export function splitSecret(
  secret: Uint8Array,
  o: { readonly threshold: number; readonly shares: number },
): Promise<Uint8Array<ArrayBuffer>[]>;

/** Puts shares together. Errors: `ERR_VERIFICATION_FAILED` if they are too few, altered, or of different secrets. */
export function combineShares(shares: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>>;

/** A password. Not empty, at most 4,096 bytes of UTF-8; read in Unicode normalisation form KC. */
export interface PasswordSecret {
  readonly password: string;
  readonly vaultSecret?: undefined;
  readonly keyPair?: undefined;
}
/** A vault secret, as `deriveSecrets` gives it: 32 bytes in base64url. */
export interface VaultSecret {
  readonly vaultSecret: string;
  readonly password?: undefined;
  readonly keyPair?: undefined;
}
/** A key pair that the application keeps. */
export interface KeyPairSecret {
  readonly keyPair: KeyPair;
  readonly password?: undefined;
  readonly vaultSecret?: undefined;
}
/** A way of unlocking a login's keys: exactly one of them. */
export type Secret = PasswordSecret | VaultSecret | KeyPairSecret;

// ---- connecting ----

/** How to open a `Regrant`. */
export interface OpenOptions {
  /**
   * Through what others are reached. `"embedded"` (the default) is a relay in this browser, over IndexedDB, shared by
   * every tab of the origin; where there is no IndexedDB, as in Node, in this process's memory. `{ directory }` keeps
   * it in a folder (Node only), which several processes may use at once; it is made if it is missing.
   *
   * Embedded relays of one `name`, and relays of one folder, are one relay. `{ storage }` has the embedded relay keep its
   * records wherever the application likes, on one trusted side. The embedded relay's code is a file of its own, which is
   * loaded only where it is used.
   *
   * An address (`"https://relay.example"`, or a `URL`; a path may follow) is a relay elsewhere, which serves `application`.
   * What is asked is tried again where that does nothing twice, for some fifteen seconds; then it is
   * `ERR_RELAY_UNAVAILABLE`, whose message says what to do. While a session listens, there is one connection for each
   * login, of all tabs together; in Node it keeps the process alive until `close`. An object that one talks to is any other
   * relay.
   *
   * Errors of a relay elsewhere, from any call: `ERR_RELAY_UNAVAILABLE`, `ERR_RATE_LIMITED`, `ERR_TOO_LARGE`,
   * `ERR_TOKEN_EXPIRED`.
   */
  readonly relay?: "embedded" | string | URL | { readonly directory: string } | { readonly storage: RelayStorage } | Relay | undefined;
  /**
   * With a relay at an address: what the application's server vouches for its user with (`createUserToken` of
   * `regrant/server`), where the relay wants that. As a function, it is asked when a token is first needed, before one ends
   * (`"expiring"`) and once after one was refused. It goes along where somebody registers, logs in or begins anew; where the
   * function fails, who logs in goes without, because keys are proof enough.
   */
  readonly token?: string | ((why: "first" | "expiring" | "refused") => string | Promise<string>) | undefined;
  /** With a relay at an address: what is called in place of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /**
   * Where this device's keys rest, and what it remembers of others.
   *
   * - `"indexeddb"` keeps private keys as keys that cannot be read out.
   * - `"localstorage"`, `{ directory }` (Node only; made if it is missing, one file for each `name`, for several
   *   processes at once) and a `Store` keep text: private keys never rest there, and a session that is resumed is
   *   locked until `unlock`. Nothing there can be read without the secret, except what the relay has too.
   * - `"memory"` is private to this `Regrant`.
   *
   * Left out, it is the best there is each time: IndexedDB; localStorage where IndexedDB is missing or refuses to open;
   * else memory (in Node always). A database that is there and fails is an error, and nothing takes its place.
   *
   * Errors: `ERR_STORE_MISSING`, also later, from everything that stores or reads.
   */
  readonly store?: "indexeddb" | "localstorage" | "memory" | { readonly directory: string } | Store | undefined;
  /** Keeps stores and embedded relays apart: 1 to 64 of `A-Z a-z 0-9 . _ -`; `"default"` where it is left out. */
  readonly name?: string | undefined;
  /**
   * What the application is called. Enters the derivation of passwords and the logins at a relay, so it is fixed for an
   * application's life, and no two should share one: 1 to 256 bytes in Unicode normalisation form C, without control
   * characters.
   */
  readonly application: string;
  /**
   * What the relay is called. The secrets that it sees and the logins there are bound to it, and are of no use to another
   * relay; where it is another one, passwords are wrong. Configuration, like `application`: name it if the relay may move
   * to another address. Left out, it is the origin of a relay at an address, or the `origin` of one that is an object and has
   * one; `embedded:NAME` of the relay in this browser, by `name`; else `embedded:default`. In form C, like `application`.
   */
  readonly relayId?: string | undefined;
  /** How passwords are derived. Errors: `ERR_WEAK_KDF`. */
  readonly kdf?: Kdf | undefined;
  /**
   * Who does the cryptography. `"auto"` (the default) and `"webcrypto"` need `crypto.subtle`
   * (`ERR_INSECURE_CONTEXT` without it); `"rust"` works everywhere, is slower, and cannot keep private keys at rest:
   * resumed sessions are locked until `unlock`.
   */
  readonly engine?: "auto" | "webcrypto" | "rust" | undefined;
  /** Has the application decide whose keys are relied on, in place of trust on first use. */
  readonly trust?: TrustPolicy | undefined;
}

/**
 * A relay that one talks to: the embedded one, or an object of the application's that passes everything on to one elsewhere.
 *
 * - `call` carries out operations, one after the other, and resolves with an answer for each, in order. Operations and
 *   answers are plain JSON: whoever passes them on need not know what is in them. An operation has its name in `op`; an
 *   answer has its kind in `reply`, or says in `refused` with what code the operation was refused.
 * - `token` is what the relay gave when somebody logged in, which says nothing by itself, and ends after twelve hours.
 *   Whoever has it is that user to the relay: send it as a secret is sent.
 * - `putParts` and `getParts` move the parts of a file, which are bytes under names of `a-z 0-9`; `basis` is the id of the
 *   grant by which the caller holds the item.
 * - `subscribe` calls `listener` after every change that concerns a login, and gives what ends that. One that cannot tell
 *   gives a function that does nothing: changes are then seen by `refresh`.
 *
 * What it throws becomes `ERR_RELAY_UNAVAILABLE` with the exception as its `cause`, unless its `code` is one of
 * `ErrorCode` that a relay gives.
 */
export interface Relay {
  /** What it is called where `relayId` does not say, such as the address that it talks to. */
  readonly origin?: string | undefined;
  call(token: string | undefined, operations: readonly RelayOperation[]): Promise<readonly RelayAnswer[]>;
  putParts(token: string | undefined, item: string, parts: readonly (readonly [name: string, bytes: Uint8Array<ArrayBuffer>])[]): Promise<void>;
  getParts(token: string | undefined, item: string, basis: string, names: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>;
  subscribe(login: string, listener: () => void): () => void;
}
/** What is asked of a relay, as JSON. */
export interface RelayOperation {
  readonly op: string;
  readonly [field: string]: unknown;
}
/** What a relay answers, as JSON. */
export type RelayAnswer =
  | { readonly reply: string; readonly [field: string]: unknown }
  | { readonly refused: string; readonly message: string; readonly logins?: readonly string[]; readonly lasting?: boolean };

/** Which embedded relay to open: as in `OpenOptions`. */
export interface RelayOptions {
  readonly relay?: "embedded" | { readonly directory: string } | { readonly storage: RelayStorage } | undefined;
  readonly name?: string | undefined;
  readonly relayId?: string | undefined;
}
/**
 * The embedded relay as an object that one talks to, for whoever stands between it and its clients: a server, for example,
 * that takes the token from a header. `Regrant.open` opens it by itself.
 */
export function openRelay(o?: RelayOptions): Promise<Relay>;

/**
 * What an embedded relay keeps its records in: a database of the application's own. The rules of who may write what run in
 * the package, over it; it only keeps what they say. It sees what any relay sees: public keys, logins, and ciphertext.
 *
 * **It is for one trusted side.** Whoever can reach a storage passes by the rules: put it on a server, and never in the hands
 * of browsers.
 *
 * - A record is text under a key, with a revision: a number that no other write of this storage ever bore. It may be found
 *   by names as well, each of which belongs to one record.
 * - `read` answers questions, in order. `{ record }`: the record of that key, or `undefined`. `{ list, after, limit }`: at
 *   most `limit` records whose key begins with `list` and comes after `after`, in order of their keys. `{ index, after, limit }`:
 *   the same by the names that they are found by, each with its `name`; `{ names, after, limit }`: that without what they say.
 *   `{ head }`: a number at or below which no entry that a log gets from now on is.
 * - `commit` makes all of it and resolves with `true`; or nothing, and with `false`, if some record does not have the revision
 *   in `records` (0: is not there), or some list does not give exactly the names and revisions in `rows`. A write without
 *   `value` deletes; `index` are the names in place of those before. An append makes a record whose key is `log` and a number
 *   of 16 digits, above all that this log ever had. What it resolved for is there, also after a crash.
 * - Names are in the order of their UTF-16 code units, or of their UTF-8.
 * - A file's parts are bytes under an item's id and a name of `a-z 0-9`. `putParts` writes over what is there.
 *
 * The simplest numbering is one counter for everything: each write and each append takes the next number as its revision, and
 * `{ head }` gives the last. What it throws becomes `ERR_RELAY_UNAVAILABLE`, or `ERR_QUOTA` if its `code` is `"ENOSPC"` or
 * `"EDQUOT"`. Regrants that are given the same object meet there, and hear of each other.
 */
export interface RelayStorage {
  read(questions: readonly RelayQuestion[]): Awaitable<readonly unknown[]>;
  commit(commit: RelayCommit): Awaitable<boolean>;
  putParts(item: string, parts: readonly (readonly [name: string, bytes: Uint8Array<ArrayBuffer>])[]): Awaitable<void>;
  getParts(item: string, names: readonly string[]): Awaitable<readonly (Uint8Array | undefined)[]>;
  countParts(item: string): Awaitable<number>;
  dropParts(item: string): Awaitable<void>;
}
type Awaitable<T> = T | Promise<T>;
export interface RelayRecord {
  readonly key: string;
  readonly rev: number;
  readonly value: string;
}
export type RelayQuestion =
  | { readonly record: string }
  | { readonly list: string; readonly after: string; readonly limit: number }
  | { readonly index: string; readonly after: string; readonly limit: number }
  | { readonly names: string; readonly after: string; readonly limit: number }
  | { readonly head: string };
/** A list that was read, and what it gave. */
export type RelayList = ({ readonly list: string } | { readonly index: string } | { readonly names: string }) & {
  readonly after: string;
  readonly limit: number;
  readonly rows: readonly (readonly [name: string, rev: number])[];
};
export interface RelayCommit {
  readonly records: readonly (readonly [key: string, rev: number])[];
  readonly lists: readonly RelayList[];
  readonly writes: readonly { readonly key: string; readonly value?: string; readonly index?: readonly string[] }[];
  readonly appends: readonly { readonly log: string; readonly value: string; readonly index?: readonly string[] }[];
}

/**
 * A store of the application's own: a few records of text under keys of at most 300 characters. It sees public keys,
 * logins, and boxes that it cannot open; it should be kept from others nonetheless.
 *
 * - What `write` resolved for is there from then on, for every later `get`, also after a crash; what it rejected for
 *   is not there. All of `changes` takes place, or none of it.
 * - Texts come back exactly as they were. `get` resolves with `undefined` (or `null`) only for what was never written,
 *   or deleted: whatever it cannot read, it must throw for. Anything but text is `ERR_STORE_UNREADABLE`.
 * - Where several pages or processes share it: if some record of `expected` does not have that text (`null`: is not
 *   there) at the moment of writing, `write` writes nothing and resolves with `false`. Whoever has it for one page
 *   alone may ignore `expected`: within a page writes come one after the other, and are compared before.
 *
 * What it throws becomes `ERR_STORE_UNREADABLE`, with the exception as its `cause`; `ERR_QUOTA` if its `name` is
 * `"QuotaExceededError"` or its `code` `"ENOSPC"` or `"EDQUOT"`. A `code` of `"ERR_STORE_MISSING"`, `"ERR_QUOTA"` or
 * `"ERR_UNSUPPORTED_VERSION"` stays.
 */
export interface Store {
  get(key: string): Promise<string | null | undefined>;
  write(
    changes: readonly (readonly [key: string, text: string | null])[],
    expected: readonly (readonly [key: string, text: string | null])[],
  ): Promise<boolean | void>;
}

/** How to connect. */
export interface ConnectOptions {
  /** Whether a login that is new is registered (default `true`). Without: `ERR_IDENTITY_NOT_FOUND`. */
  readonly register?: boolean | undefined;
  /**
   * The old keys are lost: where the secret opens none of this login's keys, begin a new keyset with it. Contacts are
   * told, and give access back. Nothing happens where the secret fits.
   */
  readonly reset?: boolean | undefined;
  /** Rejects with its reason. Aborted before the relay was asked, nothing has changed; later, it may have. */
  readonly signal?: AbortSignal | undefined;
}

/** One application on one device. Several may be open at once, and each holds any number of sessions. */
export class Regrant {
  private constructor();

  /** Opens one. Errors: `ERR_WEAK_KDF`, `ERR_INSECURE_CONTEXT`, `ERR_STORE_MISSING`. */
  static open(o: OpenOptions): Promise<Regrant>;

  /**
   * Connects a login with a password, a vault secret or a key pair, and registers it if it is new.
   *
   * Logins are 1 to 256 bytes of UTF-8 in normalisation form C, without control characters.
   * A key pair that a later version of oneself replaced opens a session that decrypts and gives access back, and never
   * encrypts.
   *
   * Errors, after which nothing has changed: `ERR_WRONG_SECRET`, `ERR_UNKNOWN_KEY` (without `reset`),
   * `ERR_IDENTITY_NOT_FOUND` (with `register: false`, or when this device holds keys of a login that the relay does
   * not know), `ERR_STORE_UNREADABLE`, `ERR_UNSUPPORTED_VERSION` (what is stored is newer), `ERR_VERIFICATION_FAILED`
   * (the relay's records do not fit together). `ERR_QUOTA` and `ERR_CONFLICT` of the store may come after a new login
   * was registered: connecting again goes on from there.
   */
  connect(who: { readonly login: string } & Secret, o?: ConnectOptions): Promise<Session>;

  /**
   * Goes on from what is stored on this device, without a secret: the login given, or the one that connected last.
   * `null` if nothing is stored. The session is `locked` if it was locked, or where private keys cannot rest
   * unreadable.
   *
   * What needs the secret itself (`changeSecret` without the current one, `renewKeys`) says `ERR_LOCKED` until `unlock`.
   * The relay is asked nothing: whether it is there, and knows the login, shows at the first call.
   */
  resume(login?: string): Promise<Session | null>;

  /**
   * Forgets this device's keys of a login, as clearing the browser does, also where they cannot be read. Its sessions
   * end, in other tabs too.
   */
  loseKeys(login: string): Promise<void>;

  /** Ends every session of this `Regrant`; what is stored stays. Calling it again does nothing. */
  close(): Promise<void>;
}

// ---- data ----

export type JsonValue = string | number | boolean | null | JsonArray | JsonObject;
export interface JsonArray extends ReadonlyArray<JsonValue> {}
export type JsonObject = { readonly [key: string]: JsonValue };

/**
 * What can be encrypted. It comes back as what it was, with nothing lost: what JSON would drop or change (`undefined`,
 * functions, `NaN`, dates, maps, class instances, lone surrogates …) is `ERR_BAD_INPUT`, as are typed arrays other
 * than `Uint8Array`. JSON may be nested 512 deep. A `Buffer` of Node comes back as a `Uint8Array`; a `File` keeps its
 * name and media type, and not its date.
 */
export type Data = string | JsonObject | JsonArray | Uint8Array | ArrayBuffer | Blob | File;

/** An item that was opened. `type` says what `data` was when it was encrypted. */
export type Opened = {
  /** The item's id, a UUID: the same for all its versions. */
  readonly id: string;
  /** From 1. */
  readonly version: number;
  /** What the application said of it; `{}` if nothing. */
  readonly metadata: JsonObject;
  readonly author: Author;
} & (
  | { readonly type: "string"; readonly data: string }
  | { readonly type: "json"; readonly data: JsonObject | JsonValue[] }
  | { readonly type: "bytes"; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly type: "buffer"; readonly data: ArrayBuffer }
  | { readonly type: "blob"; readonly data: Blob }
  | { readonly type: "file"; readonly data: File }
);

/** Who vouches for an item's content. */
export interface Author {
  readonly login: string;
  /** Whether that login's code was compared, or it is oneself. */
  readonly verified: boolean;
  /** `"signature"`: the item bears the author's signature. `"grant"`: whoever gave access to it vouches for it. */
  readonly by: "grant" | "signature";
}

/** An item, encrypted. Keep `bytes` wherever you like: only those with access can open them. */
export interface Sealed {
  /** The item's id, a UUID. */
  readonly id: string;
  /** From 1; one more for each `encrypt` with the same `id`. */
  readonly version: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * Readers of the version before who were not carried over to this one: their access was given neither by oneself, nor by
   * the item's owner, nor by whoever sealed that version, or by keys that were replaced since (after a loss, for example:
   * then it is all of them); or they were removed. Where those who gave one the item name two owners, it is everybody,
   * until one compares a code. Whose access one or the owner ended is not among them. Show them to a person, and `giveAccess` again to those who should keep it: a relay,
   * or a thief of the old keys, can have somebody named here.
   */
  readonly dropped: string[];
}

/** How to encrypt. */
export interface EncryptOptions {
  /** Who else can read it; oneself always can. The default is nobody else. */
  readonly shareWith?: readonly string[] | undefined;
  /** Hides the exact length. */
  readonly pad?: boolean | undefined;
  /** Signs it, so that the author can be proved beyond whoever gave access to it. */
  readonly sign?: boolean | undefined;
}

/**
 * A transform that encrypts what is written to it. Anything with a `readable` of `Uint8Array`s can be piped through it,
 * in pieces of any size.
 */
export interface SealingStream {
  /** The item's id, a UUID. Its access can be given and revoked once the stream has ended. */
  readonly id: string;
  /** How long the envelope will be, in bytes, if `length` was said. */
  readonly sealedLength?: number;
  readonly transform: TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>;
}

/** What is known of an item whose data came as a stream. `name` and `mediaType` are those of a `File` or `Blob`. */
export interface OpenedStream {
  readonly id: string;
  readonly version: number;
  readonly type: Opened["type"];
  readonly name?: string;
  readonly mediaType?: string;
  readonly metadata: JsonObject;
  readonly author: Author;
}

/** A file that the relay keeps. */
export interface StoredFile {
  readonly id: string;
  /** `"file"` or `"blob"`, as it was given to `store`. */
  readonly type: Opened["type"];
  readonly name?: string;
  readonly mediaType?: string;
  /** Of the whole file, in bytes. */
  readonly length: number;
  readonly metadata: JsonObject;
  readonly author: Author;
  /**
   * The bytes that were asked for. The relay is asked for them as they are read; it errors with `ERR_CORRUPT` where they
   * are not what was stored, and with `ERR_RELAY_UNAVAILABLE` where the relay lost them.
   */
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Called as work goes on. What it throws ends the work, and is what the call rejects with. */
export type OnProgress = (done: number, total?: number) => void;

/** For work that may take long. */
export interface CourseOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

// ---- sessions ----

/** The public keys of an identity at one version. */
export interface PublicKey {
  readonly login: string;
  /** From 1. */
  readonly version: number;
  /** RSA, SPKI in hex: what `giveAccessBackTo` takes. */
  readonly encryption: string;
  /** Ed25519, 32 bytes in hex. */
  readonly signing: string;
  /** 32 bytes in hex: what codes are made of, and what `trust.accept` takes. */
  readonly fingerprint: string;
  /** When it was made, as it says itself. */
  readonly created: number;
}

/** Somebody who can read an item. */
export interface Reader {
  readonly login: string;
  /** From the identity that was granted access to the reader. */
  readonly path: string[];
  /** When the access ends; absent if it does not. */
  readonly until?: Date;
}

/** What revoking did, or in a dry run would do. */
export interface RevokeReport {
  readonly login: string;
  /** The items whose access ended. */
  readonly items: string[];
  /**
   * Of these, the ones whose newest bytes are under a key that the person had: a copy that it kept still opens.
   * `encrypt` a new version (with `id`) to close them; a file that the relay keeps is stored anew, and the old one removed.
   */
  readonly stillUnderOldKey: string[];
  /** Items that the person can still read, because of a grant that the caller may not end, and whose. */
  readonly stillGranted: { readonly item: string; readonly by: string }[];
  /**
   * Items that the person can still read as a member of something that was given access: that first, the person last, as
   * in `Reader.path`. Revoke from the group, or exclude the person from it. Like `stillGranted`, only of items that were
   * named, not of `"all"`.
   */
  readonly stillThrough: { readonly item: string; readonly path: string[] }[];
  /** In a dry run: everybody who would lose access, also through groups, and to what. */
  readonly losing?: { readonly login: string; readonly items: string[] }[];
}

/** What giving access back did, signed by the giver. */
export interface Receipt {
  readonly id: string;
  readonly giver: string;
  readonly giverFingerprint: string;
  readonly requester: string;
  readonly requesterFingerprint: string;
  /** The exchange keys that the requester can open now. */
  readonly exchanges: string[];
  /** The key slots that the requester can open now. */
  readonly slots: string[];
  /** The fingerprints of keysets whose slot waits until the giver unlocks. */
  readonly pending: string[];
  readonly created: number;
  /** Ed25519, 64 bytes in hex, by the giver's signing key (protocol section 8). */
  readonly signature: string;
}

/** How to give access back. */
export interface GiveBackOptions {
  /**
   * The code that the person read out (`trust.verificationCode`), or its QR payload. Spaces do not matter. Needed
   * unless this very key was verified before.
   */
  readonly verificationCode?: string | undefined;
  /** Gives without comparing a code. Whoever controls the relay could then be the one who asks. */
  readonly unverified?: boolean | undefined;
  /** To oneself: also sign the new keys with the old ones, so that nobody else has to compare. */
  readonly chain?: boolean | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * - `locked`: the keys were locked.
 * - `changed`: something that concerns this login, or an identity that it acted for, changed at the relay, be it by its
 *   own doing.
 * - `granted`: somebody gave access to more, or gave it back; whoever gives does not hear it.
 * - `notification`: a notification came in.
 * - `access`: somebody asks for access (`identities.listAccess`), or answered.
 * - `trust`: somebody's keys changed without proof, or can be relied on again. The listener is told whose, and how.
 * - `warning`: there is one more of `warnings`, which the listener is told.
 * - `signedout`: the session ended, here or in another tab; its methods say `ERR_NOT_CONNECTED` from now on.
 */
export type SessionEvent =
  | "locked"
  | "changed"
  | "signedout"
  | "notification"
  | "granted"
  | "access"
  | "trust"
  | "warning"
  | "online"
  | "offline";

/**
 * Something that the person should know.
 *
 * - `fork`: of these logins two things were seen that cannot both be true (`trust.state`: *forked*), by this device or by
 *   another one of this login. It ends with `trust.verify` or `trust.accept`.
 * - `older-own-keys`: there are newer keys of this login than the ones that this session uses, or the relay shows older ones
 *   than it has. It ends with `unlock`, if it was oneself who renewed them.
 * - `pins-withheld`: the relay does not show all that other devices of this login know of contacts, so that somebody whose
 *   code was compared there may look new here. Compare codes before relying on them.
 * - `shares-withheld`: the relay does not show all that was said in the name of these logins: with whom future data is
 *   shared, and what items are named. `encrypt` shares with whom is known; `sharingFuture` and `getNamed` are
 *   `ERR_VERIFICATION_FAILED`.
 * - `pins-not-kept`: more is remembered of contacts than is kept for other devices of this login.
 */
export interface Warning {
  readonly kind: "fork" | "older-own-keys" | "pins-withheld" | "shares-withheld" | "pins-not-kept";
  readonly logins: readonly string[];
  readonly message: string;
}

/** How something is opened. */
export interface DecryptOptions {
  /**
   * Why, for the access log: at most 1,024 bytes. `decrypt` then waits until the relay was told; without a reason it is
   * told in the background, some seconds later, or at the latest when the `Regrant` is closed.
   */
  readonly reason?: string | undefined;
  /**
   * Whether the relay is asked first what is new. Without, what was given once is opened until `refresh`, or what the relay
   * tells by itself, says that access ended.
   */
  readonly fresh?: boolean | undefined;
  /** Whether bytes open, too, that are older than what was opened or written on this device before. */
  readonly older?: boolean | undefined;
}

/**
 * One login, connected. Methods that need private keys say `ERR_LOCKED` while `locked`; all of them say
 * `ERR_NOT_CONNECTED` once the session ended (what is listened for then is never heard), and `ERR_RELAY_UNAVAILABLE` where the relay does not answer.
 */
export class Session {
  private constructor();

  readonly login: string;
  /** Whether connecting registered the login. */
  readonly isNew: boolean;
  /** Whether `unlock` is needed before anything can be decrypted. */
  get locked(): boolean;
  /** The newest public keys that this session can use. */
  get publicKey(): PublicKey;
  /** What could be seen and not prevented, for as long as it is so. To be shown to the person. */
  get warnings(): readonly Warning[];

  /**
   * Encrypts data for oneself and whom it is shared with: people, and groups, whose members read it, also those who join
   * later. Resolves once the relay has the grants.
   *
   * `id` makes it a new version of that item, for the same readers and those of `shareWith`. `metadata` is sealed with
   * the data: a plain JSON object of at most 1 MiB, nested at most 512 deep, which comes back as it was.
   *
   * Errors, after which nothing has changed: `ERR_IDENTITY_NOT_FOUND` (`logins` names exactly the missing ones),
   * `ERR_IDENTITY_CHANGED` (somebody's keys changed without proof, or one's own were replaced), `ERR_NO_ACCESS`
   * (`id` names an item that cannot be read), `ERR_BAD_INPUT` (one that `store` keeps: it has one version; or one that this session has not
   * read), `ERR_CONFLICT` (somebody else wrote a version first that this session has not read: decrypt it, merge, and encrypt again).
   *
   * `ifVersion` is the version that the new one is to follow, and only that. Without it, it is the highest that this session
   * opened or wrote, or had opened on this device before it was resumed; what another tab opened meanwhile does not count.
   * `"latest"` follows whichever is the newest, read or not. An item's owner goes on from `"latest"`, or from the version
   * named, also if a reader wrote it and left the owner out: with the readers of the newest version that the owner can read.
   */
  encrypt(
    data: Data,
    o?: EncryptOptions & {
      readonly metadata?: JsonObject | undefined;
      readonly id?: string | undefined;
      readonly ifVersion?: number | "latest" | undefined;
    },
  ): Promise<Sealed>;

  /**
   * Decrypts an item; bytes may come as a `Uint8Array`, an `ArrayBuffer` or a `Blob`. Grants that are not known yet are
   * asked for at the relay.
   *
   * Errors: `ERR_NO_ACCESS`; `ERR_CORRUPT` for everything that is wrong with the bytes; `ERR_OUTDATED` for bytes of an
   * older version than one that was opened or written on this device, unless `older` is true (to look at it, or to merge);
   * `ERR_UNSUPPORTED_VERSION`; `ERR_IDENTITY_CHANGED` (the only grant is by keys that replaced known ones without proof).
   *
   * What groups were given is found, too, by the shortest way that leads to one. `reason`, at most 1,024 bytes, is noted
   * in the access log (`identities.accessLogs`), which the relay keeps and can read.
   */
  decrypt(bytes: Uint8Array | ArrayBuffer | Blob, o?: DecryptOptions): Promise<Opened>;

  /** Encrypts many items at once, far cheaper than one by one. All are granted, or none. Errors: as `encrypt`. */
  encryptMany(
    items: readonly { readonly data: Data; readonly metadata?: JsonObject | undefined }[],
    o?: EncryptOptions & CourseOptions,
  ): Promise<Sealed[]>;

  /** Decrypts many items, in order. Rejects with the first error. Errors: as `decrypt`. */
  decryptMany(
    bytes: readonly (Uint8Array | ArrayBuffer | Blob)[],
    o?: DecryptOptions,
  ): Promise<Opened[]>;

  /**
   * Encrypts bytes as they come, in constant memory. Who it is shared with is checked at once; the relay has the grants
   * before the last piece is given out, and nobody has access if the stream does not get there.
   *
   * `length` is how many bytes will come: it is sealed with them, tells `sealedLength`, and anything else is
   * `ERR_BAD_INPUT`. `pad` needs it. What comes out is the same format as that of `encrypt`: `decrypt` opens it, too, as
   * `"bytes"`. Errors: as `encrypt`.
   */
  encryptStream(
    o?: EncryptOptions & { readonly metadata?: JsonObject | undefined; readonly length?: number | undefined },
  ): Promise<SealingStream>;

  /**
   * Decrypts an item's bytes as they come, in constant memory. What it gives out is authentic and in order. **Only at the
   * end** is it certain that nothing is missing, and who vouches for it: wait for the stream's end, or for `opened`,
   * before relying on it. `opened` rejects with the error that ended the stream.
   *
   * Errors of the stream: as `decrypt`; `ERR_CORRUPT` also for bytes that end too early.
   * Throws `ERR_LOCKED` and `ERR_NOT_CONNECTED` at once.
   */
  decryptStream(): TransformStream<Uint8Array, Uint8Array<ArrayBuffer>> & { readonly opened: Promise<OpenedStream> };

  /**
   * Encrypts a file and has the relay keep it: a segment of 4 MiB after the other, so that files of any size up to
   * 256 GiB fit. Nobody can read it before it is all there.
   *
   * What interrupts it (an abort, a reload, a lost connection) costs nothing: the same call for the same file, on the
   * same device, goes on where it stopped, for a week. A file that has changed is stored from the start, and so is one
   * with `sign: true`. The file is read twice.
   * `onProgress` is told bytes. Errors: as `encrypt`; `ERR_QUOTA`.
   */
  store(
    file: Blob,
    o?: EncryptOptions & CourseOptions & { readonly metadata?: JsonObject | undefined },
  ): Promise<{ id: string }>;

  /**
   * Reads a file that the relay keeps, or the bytes `[from, to)` of it. Everything that vouches for it was checked when
   * this resolves; each piece is checked before it is given out.
   *
   * Errors: `ERR_NO_ACCESS`; `ERR_NOT_FOUND` (an item whose bytes are kept elsewhere); `ERR_CORRUPT`;
   * `ERR_RELAY_UNAVAILABLE` (the relay has lost some of it).
   */
  retrieve(id: string, o?: CourseOptions & { readonly range?: readonly [number, number] | undefined }): Promise<StoredFile>;

  /**
   * Gives others access to items, or to all that one was given oneself. Named items that one reads only through a group
   * are given by the group. No bytes are touched. Repeating it changes nothing; aborted, a part may have been given. Of
   * several ends (`until`) the latest counts, and none at all is later than any: to end access earlier, `revoke` and give
   * it again. Resolves with the number of items; 0 if nobody was named.
   *
   * Errors: `ERR_NO_ACCESS` (some item cannot be read by oneself: nothing is given), `ERR_IDENTITY_NOT_FOUND`,
   * `ERR_IDENTITY_CHANGED`.
   */
  giveAccess(
    items: readonly string[] | "all",
    login: string | readonly string[],
    o?: CourseOptions & { readonly until?: Date | undefined },
  ): Promise<{ items: number }>;

  /**
   * Ends somebody's access to items that one owns or gave, or to all of them. What the person read or copied before
   * cannot be taken back: the report says what remains. Errors: `ERR_IDENTITY_NOT_FOUND`, `ERR_CONFLICT`.
   */
  revoke(items: readonly string[] | "all", login: string, o?: { readonly dryRun?: boolean | undefined }): Promise<RevokeReport>;

  /**
   * Takes items away for oneself: others keep what they have, and what is given anew is there again. With `hard`, the
   * owner (whoever sealed the first version) deletes them for everybody, with what the relay keeps of them. Bytes that
   * somebody copied, and keys that somebody had, are beyond that.
   *
   * Errors: `ERR_CONFLICT` (nobody else can read it: say `hard`; trying again does not help), `ERR_FORBIDDEN` (not the owner), `ERR_NO_ACCESS`.
   */
  remove(items: readonly string[], o?: { readonly hard?: boolean | undefined }): Promise<void>;

  /**
   * From now on everything that this login encrypts, on every device, is shared with these, too. Twice is as once. It
   * ends when keys are lost and begun anew: whoever has the old ones could say it.
   * Errors: `ERR_IDENTITY_NOT_FOUND`, `ERR_IDENTITY_CHANGED`; later also of `encrypt`, if their keys change.
   */
  shareFuture(logins: readonly string[]): Promise<void>;
  /**
   * Ends that. What was encrypted meanwhile stays shared: see `revoke`. Twice is as once.
   * Errors: `ERR_IDENTITY_NOT_FOUND` (somebody unknown, with whom nothing is shared).
   */
  stopSharingFuture(logins: readonly string[]): Promise<void>;
  /** With whom future data is shared now. Errors: `ERR_VERIFICATION_FAILED` if the relay withholds it. */
  sharingFuture(): Promise<string[]>;

  /**
   * Everyone who can read an item, for anyone who can: also through groups, which are listed themselves, too.
   * Errors: `ERR_NO_ACCESS`.
   */
  whoCanRead(id: string): Promise<Reader[]>;

  /**
   * Gives somebody who lost their keys access back to everything shared with them, at a cost that does not depend on
   * how many items there are. Nothing else of one's own is given, and the receipt names what was: to give chosen items,
   * or for a time, `trust.verify` with the code, then `giveAccess`. `publicKey` is the new key, SPKI in hex, as the notification names it; `login` may be
   * oneself, from a device that still has the old keys.
   *
   * Errors, after which nothing was given: `ERR_VERIFICATION_FAILED` (the code does not match, is malformed or is
   * missing, or this is not the newest key), `ERR_IDENTITY_NOT_FOUND`.
   */
  giveAccessBackTo(login: string, publicKey: string, o?: GiveBackOptions): Promise<Receipt>;

  /**
   * Replaces the password or vault secret. Without `current` the session must have been connected or unlocked with a
   * secret, not only resumed (`ERR_LOCKED`). Errors: `ERR_WRONG_SECRET`, `ERR_CONFLICT`; nothing has changed then.
   */
  changeSecret(next: PasswordSecret | VaultSecret, current?: PasswordSecret | VaultSecret): Promise<void>;

  /** Opens the keys with the secret, also on a session that is not locked. Errors: `ERR_WRONG_SECRET`, `ERR_UNKNOWN_KEY`. */
  unlock(secret: Secret): Promise<void>;

  /**
   * Drops the private keys from memory and from this device until `unlock`. Sessions in other tabs keep what they have
   * in memory, and do not put it back on the device. Where the store fails, this session is locked and the error says so
   * of the device: what rests there still opens until `lock` succeeds.
   */
  lock(): Promise<void>;

  /**
   * Wipes this device's keys of this login, and ends every session of it that shares the store, in other tabs too (in
   * another process of Node when it next stores something). Again: nothing happens.
   */
  disconnect(): Promise<void>;

  /**
   * Reads what is new, and drops cached keys that are no longer granted. Listeners hear of what it finds: over a relay that
   * cannot call, this is how they do.
   */
  refresh(): Promise<void>;

  /**
   * Signs at most 16 MiB with this login's Ed25519 key: 64 bytes, over T("application", bytes), or over T("transcript",
   * SHA-256 of that) where it has more than 32 KiB (protocol section 0).
   */
  sign(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;

  /**
   * Listens, and gives back what stops listening. An error of a listener is reported as uncaught and disturbs nobody
   * else. Throws `ERR_BAD_INPUT` for an unknown event.
   */
  on(event: "trust", listener: (news: { login: string; state: TrustState }) => void): () => void;
  on(event: "warning", listener: (warning: Warning) => void): () => void;
  on(event: SessionEvent, listener: () => void): () => void;

  readonly identities: Identities;
  readonly trust: Trust;
  readonly notifications: Notifications;
  readonly admin: Admin;
}

/** Part of a list; the next page begins at `cursor`. */
export interface Page<T> {
  items: T[];
  cursor?: string;
}
/** Which part of a list: at most 256 at once, 100 if nothing is said. */
export interface PageOptions {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** An identity, as everybody may see it: names and payloads are public, and signed by the identity. */
export interface Identity {
  readonly login: string;
  /** `"user"`, `"group"`, `"device"`, or a word of the application's, of at most 64 bytes. `"user"` if nothing was said. */
  readonly kind: string;
  /** What people call it; at most 256 bytes. */
  readonly name?: string;
  /** Whatever the application adds; profiles have at most 64 KiB. */
  readonly payload?: JsonObject;
  /** The version of its newest keys. */
  readonly version: number;
  /** When its first keys were made, Unix milliseconds. */
  readonly created: number;
  /** How far its newest keys can be relied on. */
  readonly trust: TrustState;
}

/** One end of an edge of the sharing graph. */
export interface Link {
  readonly login: string;
  /** Whether the sharer's own keys are locked in the version that was shared with: `unlockVersions` opens them. */
  readonly locked: boolean;
}

/** A version whose keys cannot be opened here. */
export interface LockedVersion {
  readonly login: string;
  readonly version: number;
  readonly fingerprint: string;
  readonly created: number;
}

/** Somebody opened an item, as far as the relay was told: who reads can keep silent about it, and so can a relay. */
export interface AccessLogEntry {
  readonly item: string;
  readonly version: number;
  /** Who opened it. */
  readonly login: string;
  /** For whom: oneself, or a group that was acted for. */
  readonly as: string;
  /** Unix milliseconds. */
  readonly when: number;
  readonly reason?: string;
}

/** Something that an application asks of a login. */
export interface AccessRequestInfo {
  readonly id: string;
  /** Who is asked. */
  readonly login: string;
  /** The identity that asks. It signed the request. */
  readonly application: string;
  /** Where the application says that it runs. Only its own word. */
  readonly origin: string;
  /** What for, in the application's words. */
  readonly scope?: string;
  readonly created: Date;
  readonly expires: Date;
  readonly status: "pending" | "resolved" | "refused" | "fetched";
  /** Whether the application's code was compared. If not, show who asks, and ask a person. */
  readonly verified: boolean;
}

/** A request that this session made. Only this object can open the answer. */
export interface AccessRequest extends AccessRequestInfo {
  /**
   * Waits for the answer, which is given once, and says who gave it: whoever was asked signed it. Rejects with the
   * signal's reason when aborted, and with a `TimeoutError` after `timeoutMs`; it may be called again then.
   *
   * Errors: `ERR_FORBIDDEN` (refused), `ERR_NOT_FOUND` (expired, or taken), `ERR_VERIFICATION_FAILED` (the answer is by
   * somebody else), `ERR_IDENTITY_CHANGED` (it is by new keys without proof: compare the code, and call it again).
   */
  wait(o?: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined }): Promise<AccessAnswered>;
}

/** What was answered to a request for access. */
export interface AccessAnswered {
  readonly answer: Uint8Array<ArrayBuffer>;
  /** Who answered. `verified`: the code of these keys was compared. */
  readonly author: { readonly login: string; readonly verified: boolean };
}

/** What is answered to a request for access: at most 64 KiB, or no. With a code, the application's is compared first. */
export type AccessAnswer =
  | { readonly answer: Uint8Array; readonly refuse?: undefined; readonly verificationCode?: string }
  | { readonly refuse: true; readonly answer?: undefined; readonly verificationCode?: undefined };

/**
 * The sharing graph, and everyone's public keys. An identity is a user, a group, a device: whoever is in its *sharing
 * group* can act for it, and so can whoever can act for one of these.
 *
 * Unknown logins: `ERR_IDENTITY_NOT_FOUND`, with exactly the missing ones in `logins`. Where no way leads to an identity:
 * `ERR_FORBIDDEN`. Every change reads the latest state first; one that lost a race is `ERR_CONFLICT`, and can be retried.
 */
export interface Identities {
  /**
   * Creates an identity, shared with `sharingGroup` (oneself, if left out). With `secret`, a password, one can also
   * `connect` as it. `managers`, some of the sharing group, alone change with whom it is shared, and renew its keys;
   * otherwise everybody in it may, also exclude whoever created it. An identity with managers has no secret.
   *
   * Errors: `ERR_IDENTITY_EXISTS`, `ERR_NO_RECIPIENT` (neither sharers nor a secret).
   */
  create(
    identity: { readonly login: string; readonly name?: string | undefined; readonly kind?: string | undefined; readonly payload?: JsonObject | undefined },
    o?: {
      readonly sharingGroup?: readonly string[] | undefined;
      readonly managers?: readonly string[] | undefined;
      readonly secret?: string | undefined;
    },
  ): Promise<void>;
  get(login: string): Promise<Identity>;
  /** Identities in the order of their logins. `search` is looked for in logins and names, whatever the case. */
  list(o?: PageOptions & { readonly search?: string | undefined; readonly kind?: string | undefined }): Promise<Page<Identity>>;
  /** Changes what is named; `null` takes it away. For oneself, and whom one can act for. */
  update(identity: {
    readonly login: string;
    readonly name?: string | null | undefined;
    readonly kind?: string | undefined;
    readonly payload?: JsonObject | null | undefined;
  }): Promise<void>;
  /**
   * Removes an identity. What it gave can still be read by whom it was given to; whoever takes the login later is seen as
   * *changed*. The relay's administrator cannot be removed.
   */
  remove(login: string): Promise<void>;

  /**
   * A session that acts for an identity that a way leads to: through nested groups and cycles, by the shortest one. It
   * ends with this session (also when that is locked), and when the way is gone. Errors: `ERR_FORBIDDEN`,
   * `ERR_NO_ACCESS` (the way leads through keys that were lost).
   */
  as(login: string): Promise<Session>;

  /**
   * Who can act for an identity directly. Seen by whom a way leads there, by logins that were ever listed, and by
   * readers of an item that it was given.
   */
  getSharingGroup(login: string): Promise<Link[]>;
  /** For whom a login can act directly: oneself, or somebody one can act for. */
  getAccessGroup(login: string): Promise<Link[]>;
  /** Adds sharers, who read all that the identity was given before, too. Twice is as once. */
  extendSharingGroup(login: string, logins: readonly string[], o?: CourseOptions): Promise<void>;
  /**
   * Sets the sharers. If somebody is excluded by that, the keys are renewed, and those of all identities that the excluded
   * could act for only in this way: in one change, or not at all. What is encrypted from then on, by anybody, is closed to
   * them; what was before stays readable for those who remain. Passwords that an excluded one set fall.
   *
   * Of those who stay, the keys that were relied on so far are enough: an exclusion does not wait for a comparison. Where
   * somebody lost them, compare, give access back, and `renewKeys` of the group.
   *
   * `expected` is the list that one decided by: if somebody else changed it since, nothing is done.
   *
   * Errors: `ERR_CONFLICT`, `ERR_NO_RECIPIENT` (nobody could open it any more), `ERR_IDENTITY_CHANGED` (of somebody new),
   * `ERR_FORBIDDEN` (one is none of its managers), `ERR_BAD_INPUT` (none of its managers would stay).
   */
  replaceSharingGroup(
    login: string,
    logins: readonly string[],
    o?: CourseOptions & { readonly expected?: readonly string[] | undefined },
  ): Promise<void>;
  /** Excludes some sharers, and nobody else, whoever was added meanwhile. Like `replaceSharingGroup` in all else. */
  removeFromSharingGroup(login: string, logins: readonly string[], o?: CourseOptions): Promise<void>;
  /**
   * Renews keys: one's own, or of an identity that one can act for. The old ones still open what there is; every sharer and
   * every way of unlocking stays, unless `secret`, a new password, replaces the password. Other open sessions of that
   * login go on reading, and say `ERR_LOCKED` for what needs the new keys. `onProgress` is told how many sharers are done.
   *
   * What the old keys gave to others, the new ones sign anew: to whom is in `resigned`. In `notResigned` are those who have
   * something that they did not sign, which is not carried over to a next version: give it again if you mean to.
   *
   * `compromised`: somebody else may have had the keys since then. A new `secret` is needed, and is the only thing that
   * opens the new keys; nothing given since is signed anew; standing shares said since end, and so do one's own sharers,
   * whom one adds again. A thief can have dated back what it gave: look at `resigned`.
   *
   * Errors: `ERR_LOCKED`, `ERR_IDENTITY_CHANGED`, `ERR_CONFLICT`, `ERR_FORBIDDEN` (one is none of its managers),
   * `ERR_BAD_INPUT` (after a theft without a new secret).
   */
  renewKeys(
    login?: string,
    o?: CourseOptions & {
      readonly compromised?: { readonly since: Date } | undefined;
      readonly secret?: string | undefined;
    },
  ): Promise<{ resigned: string[]; notResigned: string[] }>;

  /** The versions of an identity that cannot be opened here: before a loss, or before an administrator's overwrite. */
  lockedVersions(login: string): Promise<LockedVersion[]>;
  /**
   * Opens locked versions for good, with a secret of theirs: a password, or `{ vaultSecret }`, or `{ keyPair }`. Resolves
   * with the versions that it opened. Errors: `ERR_WRONG_SECRET`, `ERR_UNKNOWN_KEY` (it opens none).
   */
  unlockVersions(login: string, secret: string | Secret): Promise<number[]>;

  /**
   * Asks a login for something, in the name of an application: an identity that this session is (if left out) or can act
   * for. The answer is sealed to a key that exists in this object only. Expires in a day if nothing is said, in thirty at
   * most; `scope` has at most 4,096 bytes.
   */
  requestAccess(o: {
    readonly login: string;
    readonly application?: string | undefined;
    readonly scope?: string | undefined;
    readonly expires?: Date | number | undefined;
  }): Promise<AccessRequest>;
  /**
   * Answers a request, or refuses it, once. Look at `application`, `verified` and `origin` first. Errors: `ERR_CONFLICT`
   * (answered before, or expired), `ERR_VERIFICATION_FAILED`, `ERR_IDENTITY_CHANGED` (the application's keys changed).
   */
  resolveAccess(request: { readonly id: string; readonly login: string }, o: AccessAnswer): Promise<void>;
  /** Requests to or by a login, newest first: oneself, or somebody one can act for. */
  listAccess(login: string, o?: PageOptions): Promise<Page<AccessRequestInfo>>;
  /**
   * Has the page decide about each request to this login, those that wait already and those that come in. `undefined`
   * leaves one as it is. Where several listen, in tabs or processes, one answers. What the resolver throws is an uncaught
   * error, as in any listener (in Node it ends the process): catch it, and answer `{ refuse: true }`. Gives back what
   * stops it.
   */
  onAccessRequest(
    resolver: (request: AccessRequestInfo) => AccessAnswer | undefined | Promise<AccessAnswer | undefined>,
  ): () => void;

  /**
   * Puts an item under a name (at most 200 bytes) of an identity's; `null` takes the name away. The relay sees neither. For
   * oneself, and whom one can act for.
   */
  setNamed(login: string, name: string, itemId: string | null): Promise<void>;
  /** The item under a name. Errors: `ERR_VERIFICATION_FAILED` if the relay withholds what would say so. */
  getNamed(login: string, name: string): Promise<string | undefined>;
  /**
   * Openings by oneself and of items that one owns, newest first. `login` is who opened or for whom; `reason` is the whole
   * reason.
   */
  accessLogs(
    o?: PageOptions & { readonly item?: string | undefined; readonly login?: string | undefined; readonly reason?: string | undefined },
  ): Promise<Page<AccessLogEntry>>;

  /** The newest version of a login's keys that the relay offers: `trust.state` says how far to rely on it. */
  getLatestPublicKey(login: string): Promise<PublicKey>;
  /** The same of several, in the same order. */
  getLatestPublicKeys(logins: readonly string[]): Promise<PublicKey[]>;
  /** One version. Errors: `ERR_NOT_FOUND` if there is none of that number. */
  getPublicKey(o: { readonly login: string; readonly version: number }): Promise<PublicKey>;
  /** Several, in the same order. */
  getPublicKeys(o: readonly { readonly login: string; readonly version: number }[]): Promise<PublicKey[]>;
  /** Every version, from 1. */
  history(login: string): Promise<PublicKey[]>;
}

/** What the relay's administrator can do: on an embedded relay, the identity that registered first. Others: `ERR_FORBIDDEN`. */
export interface Admin {
  /**
   * Begins somebody's keys anew with a new password, where nobody else can help. Sessions of that login are stale; what was
   * encrypted for it before stays locked until an old secret is remembered (`identities.unlockVersions`), or others
   * give access back. Contacts see *changed*.
   */
  overwriteKeys(login: string, o: { readonly secret: string }): Promise<void>;
}

/** What a trust policy is asked: may the newest of these keys be relied on? */
export interface TrustQuestion {
  readonly login: string;
  /** The newest key that is offered. Its form and signatures were checked. */
  readonly offered: PublicKey;
  /** All that are offered, from version 1. */
  readonly history: readonly PublicKey[];
  /** What was relied on so far, of a fork the newest that was; absent if nothing was seen before. */
  readonly pinned?: { readonly version: number; readonly fingerprint: string; readonly verified: boolean };
  /** Whether signatures lead from what was relied on to what is offered. */
  readonly chained: boolean;
  /** What would be decided without a policy. */
  readonly state: TrustState;
}

/**
 * An application's own say in whose keys are relied on: asked about keys that are new or have changed, never about one's
 * own. Whatever is not a clear yes within 30 seconds is a no: the identity is *changed*, and nothing is encrypted to it. An
 * error is reported as uncaught.
 */
export type TrustPolicy = (
  question: TrustQuestion,
) => "trust" | "refuse" | boolean | Promise<"trust" | "refuse" | boolean>;

/**
 * - `verified`: the code of this key, or of one that it follows with proof, was compared, on any device of one's own.
 * - `unverified`: seen before, and the same since.
 * - `changed`: new keys without proof. Nothing is encrypted to them until `verify` or `accept`.
 * - `forked`: two things that cannot both be true were seen: rival versions, or different first keys by two devices of
 *   one's own. Nothing is encrypted to them until `verify` or `accept`.
 */
export type TrustState = "verified" | "unverified" | "changed" | "forked";

/** How far keys can be relied on. Unknown logins: `ERR_IDENTITY_NOT_FOUND`. */
export interface Trust {
  /** What to show as a QR code; `verify` and `verificationCode` of `giveAccessBackTo` take what it reads. */
  qrPayload(login: string): Promise<string>;
  state(login: string): Promise<TrustState>;
  /**
   * Six groups of five digits, to be read out: of the newest key, and of oneself of this session's. Of a locked session
   * there is none, nor a QR payload (`ERR_LOCKED`).
   */
  verificationCode(login: string): Promise<string>;
  /** Compares a code: a match makes the newest key verified. Errors: `ERR_VERIFICATION_FAILED`, also if malformed. */
  verify(login: string, code: string): Promise<void>;
  /** Keys that the relay offers in place of those known; none while nothing changed. */
  candidates(login: string): Promise<PublicKey[]>;
  /** Relies on a candidate without comparing: *unverified* from then on. Errors: `ERR_VERIFICATION_FAILED`. */
  accept(login: string, fingerprint: string): Promise<void>;
}

export type NotificationStatus = "pending" | "ongoing" | "completed" | "cancelled";

/** Something that another login told this one. */
export interface Notification {
  readonly id: string;
  /** Changes with each change of the status. */
  readonly rev: string;
  /** `"KEY_PAIR_UPDATE"`: somebody's keys are new after a loss, and access can be given back. */
  readonly type: "KEY_PAIR_UPDATE";
  readonly status: NotificationStatus;
  /** When it was made, as its author says. */
  readonly created: number;
  readonly author: string;
  readonly properties: {
    /** The login whose keys are new. */
    readonly dataOwnerConcernedId: string;
    /** The new key, SPKI in hex. Whose it is, only a compared code says. */
    readonly dataOwnerConcernedPubKey: string;
  };
}

export interface Notifications {
  /** Pending notifications made at or after a time, oldest first. */
  pendingAfter(when: Date | number, o?: { readonly type?: "KEY_PAIR_UPDATE" | undefined }): Promise<Notification[]>;
  /** One. Errors: `ERR_NOT_FOUND`. */
  get(id: string): Promise<Notification>;
  /**
   * Moves the status. The same status again is no error; what is completed or cancelled stays so (`ERR_CONFLICT`).
   * Errors: `ERR_NOT_FOUND`.
   */
  setStatus(id: string, status: NotificationStatus): Promise<void>;
  /** Calls back with each notification that comes in from now on, once; gives back what stops it. */
  subscribe(listener: (notification: Notification) => void): () => void;
}

// ---- errors ----

/**
 * What went wrong, in one word that never changes.
 *
 * | Code | Cause | What to do |
 * |---|---|---|
 * | `ERR_BAD_INPUT` | an argument has the wrong type, size or form | the message says which |
 * | `ERR_INIT_FAILED` | the WebAssembly could not be loaded | the message says why; `init` may be called again |
 * | `ERR_WEAK_KDF` | a derivation profile below the floor or above the ceiling | see `Kdf` |
 * | `ERR_WRONG_SECRET` | the password or vault secret does not open the keys | ask again |
 * | `ERR_UNKNOWN_KEY` | the key pair is of no version of this login | `connect` with another, or with `reset` |
 * | `ERR_NOT_CONNECTED` | the session ended, or the `Regrant` was closed | `connect` again |
 * | `ERR_LOCKED` | private keys, or the secret's own, are needed | `unlock` |
 * | `ERR_OUTDATED` | the bytes are of an older version of the item than one that was opened or written on this device |
 * | `ERR_NO_ACCESS` | nobody gave access, or it was revoked or ran out | ask a reader for access |
 * | `ERR_NO_RECIPIENT` | there is nobody to encrypt to | name somebody |
 * | `ERR_IDENTITY_NOT_FOUND` | logins are unknown: `logins` | correct them |
 * | `ERR_IDENTITY_EXISTS` | the login is taken | choose another |
 * | `ERR_IDENTITY_CHANGED` | keys changed without proof: `logins` | compare the code, then `trust.verify` or `accept` |
 * | `ERR_VERIFICATION_FAILED` | a code, key or record does not match | give nothing; ask the person |
 * | `ERR_CORRUPT` | the bytes are not what was sealed | get them again |
 * | `ERR_UNSUPPORTED_VERSION` | made by a newer version | update |
 * | `ERR_CONFLICT` | somebody else was faster | read again and retry; of an item, decrypt what they wrote first |
 * | `ERR_STORE_MISSING` | there is no such store here, or it is forbidden | choose another |
 * | `ERR_STORE_UNREADABLE` | the store is there and cannot be read; nothing was overwritten | retry; `connect` with `reset`, or `loseKeys`, gives it up |
 * | `ERR_QUOTA` | the storage is full | make room and retry |
 * | `ERR_TOO_LARGE` | a request is longer than the relay, or something in front of it, takes: `size`, `limit` | less at once; or let it pass |
 * | `ERR_RATE_LIMITED` | the relay was asked too often | retry after `retryAfter` |
 * | `ERR_TOKEN_EXPIRED` | the application's token has ended | give another, or `token` as a function |
 * | `ERR_UNAUTHENTICATED` | the relay does not know who asks | `connect` again |
 * | `ERR_FORBIDDEN` | the relay refuses | |
 * | `ERR_NOT_FOUND` | there is no such record | |
 * | `ERR_RELAY_UNAVAILABLE` | the relay does not answer, or answers nonsense | retry later |
 * | `ERR_INSECURE_CONTEXT` | `crypto.subtle` is missing | HTTPS, or `engine: "rust"` |
 * | `ERR_POISONED` | the WebAssembly panicked, which is a bug | `init()`, then open and connect anew |
 * | `ERR_ABORTED` | never seen: an abort rejects with the signal's reason | |
 */
export type ErrorCode =
  | "ERR_BAD_INPUT"
  | "ERR_INIT_FAILED"
  | "ERR_WEAK_KDF"
  | "ERR_WRONG_SECRET"
  | "ERR_UNKNOWN_KEY"
  | "ERR_NOT_CONNECTED"
  | "ERR_LOCKED"
  | "ERR_OUTDATED"
  | "ERR_NO_ACCESS"
  | "ERR_NO_RECIPIENT"
  | "ERR_IDENTITY_NOT_FOUND"
  | "ERR_IDENTITY_EXISTS"
  | "ERR_IDENTITY_CHANGED"
  | "ERR_VERIFICATION_FAILED"
  | "ERR_CORRUPT"
  | "ERR_UNSUPPORTED_VERSION"
  | "ERR_CONFLICT"
  | "ERR_STORE_MISSING"
  | "ERR_STORE_UNREADABLE"
  | "ERR_QUOTA"
  | "ERR_TOO_LARGE"
  | "ERR_RATE_LIMITED"
  | "ERR_TOKEN_EXPIRED"
  | "ERR_UNAUTHENTICATED"
  | "ERR_FORBIDDEN"
  | "ERR_NOT_FOUND"
  | "ERR_RELAY_UNAVAILABLE"
  | "ERR_INSECURE_CONTEXT"
  | "ERR_POISONED"
  | "ERR_ABORTED";

/** What everything here rejects with. Messages hold neither secrets nor plaintext. */
export class RegrantError extends Error {
  constructor(
    code: ErrorCode,
    message: string,
    more?: {
      readonly retryable?: boolean | undefined;
      readonly logins?: readonly string[] | undefined;
      readonly retryAfter?: number | undefined;
      readonly size?: number | undefined;
      readonly limit?: number | undefined;
      readonly cause?: unknown;
    },
  );
  readonly name: "RegrantError";
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without anything being changed. */
  readonly retryable: boolean;
  /** The logins that it is about, if it is about any. */
  readonly logins?: readonly string[];
  /** With `ERR_RATE_LIMITED`: how long to wait. */
  readonly retryAfter?: number;
  /** With `ERR_TOO_LARGE`: how long the request was; and how long it may be, if the relay said so. */
  readonly size?: number;
  readonly limit?: number;
}
