// A session: one login, connected. Each method checks what it is given, asks the core, and gives plain values back.
import { Admin } from "./admin.js";
import * as bytes from "./bytes.js";
import { inBackground } from "./background.js";
import { Handle, assertWanted, progress } from "./calls.js";
import { badInput } from "./errors.js";
import { Events } from "./events.js";
import { Identities } from "./identities.js";
import * as input from "./input.js";
import { read, send } from "./files.js";
import { howToOpen, about, described, opened, toOpen, toSeal, toSealMany } from "./items.js";
import { opening, sealing } from "./streams.js";
import { Notifications } from "./notifications.js";
import { Trust } from "./trust.js";

/** The length of an envelope's header. */
const HEADER = 94;
/** How long it may take until it is stored that a new item was seen. */
const KEEP_AFTER_MS = 100;
const BY_PASSWORD = ["password", "vaultSecret"];

/** What `encrypt` and `encryptMany` both take. */
function sealOptions({ shareWith, pad, sign }) {
  return {
    shareWith: input.optional(input.logins, shareWith, "shareWith"),
    pad: input.optional(input.boolean, pad, "pad"),
    sign: input.optional(input.boolean, sign, "sign"),
  };
}

/** Which version of an item a new one follows. */
function following({ id, ifVersion }) {
  if (ifVersion === undefined) return {};
  if (id === undefined) throw badInput("ifVersion is about the item that id names");
  if (ifVersion === "latest") return { latest: true };
  if (typeof ifVersion !== "number") throw badInput('ifVersion is a version, or "latest"');
  return { ifVersion: input.integer(ifVersion, "ifVersion", 1, 0xffff_fffe) };
}

/** One item of `encryptMany`. */
const item = (value, name) => input.known(value, name, ["data", "metadata"]);
const COURSE = ["onProgress", "signal"];
const SEALING = ["shareWith", "pad", "sign", "metadata"];

/** What tells of, and ends, long work. */
function course({ onProgress, signal }) {
  const course = { onProgress: input.optional(input.func, onProgress, "onProgress"), signal: input.optional(input.signal, signal) };
  assertWanted(course.signal);
  return course;
}

export class Session {
  #handle;
  #events;
  #owner;
  #keeping;
  #login;
  #isNew;
  #publicKey;
  #identities;
  #trust;
  #notifications;
  #admin;

  /**
   * Made by `Regrant` only.
   *
   * @param {object} raw the core's session
   * @param {{ toVault: Function, signingOut: Function, unkept: Set<Function>, watch: Function }} owner
   */
  constructor(raw, owner) {
    if (owner?.toVault === undefined) throw badInput("sessions come from connect() and resume()");
    this.#handle = new Handle(raw);
    this.#owner = owner;
    this.#login = raw.login;
    this.#isNew = raw.isNew;
    this.#publicKey = raw.publicKey;
    this.#events = new Events(this.#handle, () => this.#keepSoon(), owner.watch);
    // Sessions that act for others end with this one, and signing them out wipes nothing.
    const acting = { toVault: owner.toVault, signingOut: () => () => {}, unkept: owner.unkept, watch: owner.watch };
    const begin = (other) => new Session(other, acting);
    this.#identities = new Identities(this.#handle, raw.login, this.#events, owner.toVault, begin);
    this.#admin = new Admin(this.#handle, owner.toVault);
    this.#trust = new Trust(this.#handle);
    this.#notifications = new Notifications(this.#handle, this.#events);
    inBackground(this.#handle);
  }

  get login() {
    return this.#login;
  }

  get isNew() {
    return this.#isNew;
  }

  get locked() {
    return this.#handle.read((raw) => raw.locked, true);
  }

  get publicKey() {
    this.#publicKey = this.#handle.read((raw) => raw.publicKey, this.#publicKey);
    return { ...this.#publicKey };
  }

  get warnings() {
    return this.#handle.read((raw) => raw.warnings(), []);
  }

  get identities() {
    return this.#identities;
  }

  get trust() {
    return this.#trust;
  }

  get notifications() {
    return this.#notifications;
  }

  get admin() {
    return this.#admin;
  }

  // ---- items ----

  async encrypt(data, o) {
    const given = input.options(o, [...SEALING, "id", "ifVersion"]);
    const options = { ...sealOptions(given), id: input.optional(input.id, given.id), ...following(given) };
    const { pad = false, sign = false } = options;
    const room = (length, said) => this.#handle.read((raw) => raw.roomFor(length, said, pad, sign), undefined);
    const item = await toSeal(data, given.metadata, room);
    return this.#handle.call((raw) => raw.encrypt(item.data, item.metadata, options));
  }

  async encryptMany(items, o) {
    const given = input.options(o, ["shareWith", "pad", "sign", ...COURSE]);
    const options = sealOptions(given);
    const { onProgress, signal } = course(given);
    const { data, metadata } = await toSealMany(input.list(items, "items", item));
    // Not raced against the signal: what rejects with its reason has written nothing.
    assertWanted(signal);
    const report = progress(onProgress, signal, data.length);
    const sealed = await this.#handle.call((raw) => raw.encryptMany(data, metadata, options, report));
    return sealed.ids.map((id, at) => ({ id, version: 1, bytes: sealed.bytes[at], dropped: [] }));
  }

  async decrypt(sealed, o) {
    const how = howToOpen(o);
    if (how.fresh) await this.#handle.call((raw) => raw.markStale());
    return this.#open(await this.#toOpen(sealed), how, false);
  }

  async decryptMany(sealed, o) {
    const how = howToOpen(o);
    const all = await Promise.all(input.list(sealed, "bytes", (one) => this.#toOpen(one)));
    if (how.fresh) await this.#handle.call((raw) => raw.markStale());
    await this.#handle.call((raw) => raw.expect(all.map(({ body }) => body.slice(0, HEADER))));
    const [opened] = await Promise.allSettled([this.#openAll(all, how)]);
    // What was opened is remembered also where one of them did not open.
    const [kept] = await Promise.allSettled([this.#handle.call((raw) => raw.keep())]);
    for (const { status, reason } of [opened, kept]) if (status === "rejected") throw reason;
    return opened.value;
  }

  async #openAll(all, how) {
    const out = [];
    // One after the other: the first opens what the others need too.
    for (const one of all) out.push(await this.#open(one, how, true));
    return out;
  }

  #toOpen(sealed) {
    return toOpen(sealed, (bytes) => {
      const first = bytes.slice(0, HEADER);
      return this.#handle.read((raw) => raw.dataIn(new Uint8Array(first), bytes.byteLength), undefined);
    });
  }

  async #open({ body, before, behind }, { reason, older }, many) {
    return opened(await this.#handle.call((raw) => raw.decrypt(body, reason, older, many, before, behind)));
  }

  // ---- streams and files ----

  async encryptStream(o) {
    const given = input.options(o, [...SEALING, "length"]);
    const options = sealOptions(given);
    const length = input.optional(input.integer, given.length, "length", 0, Number.MAX_SAFE_INTEGER);
    if (options.pad && length === undefined) throw badInput("pad needs length: how many bytes will come");
    const said = about(undefined, given.metadata);
    const raw = await this.#handle.call((raw) => raw.sealStream(said, options, length));
    const { id, sealedLength } = raw;
    return { id, sealedLength, transform: sealing(this.#handle.of(raw), raw.head()) };
  }

  decryptStream() {
    const handle = this.#handle.of(this.#handle.now((raw) => raw.openStream()));
    let settle;
    const opened = new Promise((done, failed) => (settle = { done, failed }));
    // Whoever does not look at it learns of errors from the stream.
    opened.catch(() => {});
    const transform = opening(handle, (last) => settle.done(described(last)), settle.failed);
    return Object.defineProperty(transform, "opened", { value: opened, enumerable: true });
  }

  async store(file, o) {
    const given = input.options(o, [...SEALING, ...COURSE]);
    if (!bytes.isBlob(file)) throw badInput("store() takes a Blob or a File");
    const how = { metadata: about(file, given.metadata), options: sealOptions(given) };
    return send(this.#handle, file, how, course(given));
  }

  async retrieve(id, o) {
    const given = input.options(o, ["range", ...COURSE]);
    const item = input.id(id);
    const { onProgress, signal } = course(given);
    const raw = await this.#handle.call((raw) => raw.stored(item), signal);
    const found = raw.about();
    const { version, ...what } = described(found);
    const stream = read(this.#handle.of(raw), found, { range: given.range, onProgress, signal });
    return { ...what, length: found.length, stream };
  }

  // ---- access ----

  async giveAccess(items, login, o) {
    const given = input.options(o, ["until", ...COURSE]);
    const ids = input.items(items);
    const logins = Array.isArray(login) ? input.logins(login, "login") : [input.login(login)];
    const until = input.optional(input.date, given.until, "until");
    const { onProgress, signal } = course(given);
    const report = progress(onProgress, signal, ids?.length);
    return { items: await this.#handle.call((raw) => raw.giveAccess(ids, logins, until, report)) };
  }

  async revoke(items, login, o) {
    const ids = input.items(items);
    input.login(login);
    const dryRun = input.optional(input.boolean, input.options(o, ["dryRun"]).dryRun, "dryRun") ?? false;
    return this.#handle.call((raw) => raw.revoke(ids, login, dryRun));
  }

  async remove(items, o) {
    const ids = input.ids(items, "items");
    const hard = input.optional(input.boolean, input.options(o, ["hard"]).hard, "hard") ?? false;
    await this.#handle.call((raw) => raw.removeItems(ids, hard));
  }

  async shareFuture(logins) {
    const all = input.logins(logins, "logins");
    await this.#handle.call((raw) => raw.changeShares(all, true));
  }

  async stopSharingFuture(logins) {
    const all = input.logins(logins, "logins");
    await this.#handle.call((raw) => raw.changeShares(all, false));
  }

  async sharingFuture() {
    return this.#handle.call((raw) => raw.shares());
  }

  async whoCanRead(id) {
    input.id(id);
    const readers = await this.#handle.call((raw) => raw.whoCanRead(id));
    return readers.map(input.own).map(({ until, ...reader }) => (until === undefined ? reader : { ...reader, until: new Date(until) }));
  }

  async giveAccessBackTo(login, publicKey, o) {
    const given = input.options(o, ["verificationCode", "unverified", "chain", ...COURSE]);
    input.login(login);
    const key = input.hex(publicKey, "publicKey");
    const options = {
      verificationCode: input.optional(input.text, given.verificationCode, "verificationCode"),
      unverified: input.optional(input.boolean, given.unverified, "unverified"),
      chain: input.optional(input.boolean, given.chain, "chain"),
    };
    const { onProgress, signal } = course(given);
    return this.#handle.call((raw) => raw.giveAccessBackTo(login, key, options, progress(onProgress, signal)));
  }

  async refresh() {
    await this.#handle.call((raw) => raw.refresh());
  }

  async sign(message) {
    const given = bytes.uint8Array(message, "bytes", 16 << 20);
    return this.#handle.call((raw) => raw.sign(given));
  }

  // ---- secrets ----

  async changeSecret(next, current) {
    const wanted = input.secret(next, "the new secret", BY_PASSWORD);
    const held = input.optional(input.secret, current, "the current secret", BY_PASSWORD);
    const from = held && (await this.#owner.toVault(this.login, held));
    const to = await this.#owner.toVault(this.login, wanted);
    await this.#handle.call((raw) => raw.changeSecret(to, from));
  }

  async unlock(secret) {
    const given = await this.#owner.toVault(this.login, input.secret(secret, "the secret"));
    await this.#handle.call((raw) => raw.unlock(given));
  }

  async lock() {
    await this.#handle.call((raw) => raw.lock());
    this.#wipe();
  }

  /** What the calls before left on the core's stack goes, too: from within one of them not all of it can be reached. */
  #wipe() {
    this.#handle.read((raw) => raw.wipeStack());
  }

  async disconnect() {
    // What ended before has nothing to do with whoever connected since.
    if (this.#handle.read((raw) => raw.ended, false)) return;
    const done = this.#owner.signingOut(this.login);
    await this.#handle.call((raw) => raw.disconnect());
    this.#wipe();
    done();
  }

  /** Stores what may wait a moment: with every new item there is some, and it costs as much for one as for many. */
  #keepSoon() {
    if (this.#keeping) return;
    let kept;
    const keep = () => (kept ??= store());
    const store = async () => {
      clearTimeout(this.#keeping);
      this.#keeping = undefined;
      // What could not be stored is stored with what comes next; of a session that ended, never.
      await Promise.allSettled([this.#handle.call((raw) => raw.keep())]);
      this.#owner.unkept.delete(keep);
    };
    this.#keeping = setTimeout(keep, KEEP_AFTER_MS);
    this.#owner.unkept.add(keep);
  }

  // ---- events ----

  on(event, listener) {
    return this.#events.on(event, listener);
  }
}
