// Somebody who holds an identity's private keys and writes records of their own: a former member, a thief, a relay's
// accomplice. Built from docs/protocol.md on WebCrypto; nothing of the package's core is in it.

const subtle = () => globalThis.crypto.subtle;
const encoder = new TextEncoder();
const random = (length) => globalThis.crypto.getRandomValues(new Uint8Array(length));

// ---- bytes (protocol section 0) ----

export const concat = (...parts) => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
};
const integer = (value, length = 8) => {
  const out = new Uint8Array(length);
  for (let at = length - 1, rest = BigInt(value); at >= 0; at--, rest >>= 8n) out[at] = Number(rest & 255n);
  return out;
};
const text = (value) => encoder.encode(value);
const fromHex = (value) => Uint8Array.from(value.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const toHex = (value) => Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
const uuid = (value) => fromHex(value.replaceAll("-", ""));
const lp = (value) => concat(integer(value.length, 4), value);
const compound = (...parts) => concat(...parts.map(lp));
const optional = (value) => (value === undefined ? new Uint8Array(1) : concat(new Uint8Array([1]), value));
const list = (elements) => concat(integer(elements.length), ...elements.map(lp));
const T = (what, ...fields) => concat(lp(text(`regrant/v1/${what}`)), ...fields.map(lp));

export const bytes = (base64url) =>
  Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
export const base64url = (value) => {
  let out = "";
  for (const byte of value) out += String.fromCharCode(byte);
  return btoa(out).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};
const compare = (a, b) => {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? 0 : a[at] - b[at];
};

// ---- primitives (section 1) ----

const sha256 = async (...parts) => new Uint8Array(await subtle().digest("SHA-256", concat(...parts)));

async function hkdf(ikm, salt, info, length) {
  const key = await subtle().importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await subtle().deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, length * 8));
}
const derive = (secret, info) => hkdf(secret, new Uint8Array(), info, 32);

async function gcm(what, key, nonce, data) {
  const imported = await subtle().importKey("raw", key, "AES-GCM", false, [what]);
  return new Uint8Array(await subtle()[what]({ name: "AES-GCM", iv: nonce }, imported, data));
}

const NONCE = new Uint8Array(12);

/** A box; `commitTo`: another key that it commits to. */
export async function sealBox(key, context, message, commitTo = key) {
  const salt = random(32);
  const okm = await hkdf(key, salt, context, 64);
  const commitment = (await hkdf(commitTo, salt, context, 64)).slice(32);
  return concat(salt, commitment, await gcm("encrypt", okm.slice(0, 32), NONCE, message));
}

async function openBox(key, context, box) {
  const okm = await hkdf(key, box.slice(0, 32), context, 64);
  return gcm("decrypt", okm.slice(0, 32), NONCE, box.slice(64));
}

const RSA = { name: "RSA-OAEP", hash: "SHA-256" };
const label = async (context) => text(toHex(await sha256(context)));

async function rsaSeal(spki, context, message) {
  const key = await subtle().importKey("spki", spki, RSA, false, ["encrypt"]);
  return new Uint8Array(await subtle().encrypt({ ...RSA, label: await label(context) }, key, message));
}

/** A key of 32 bytes: WebKitGTK takes it for a number, and so loses the zeros at its front. */
async function rsaOpen(pkcs8, context, sealed) {
  const key = await subtle().importKey("pkcs8", pkcs8, RSA, false, ["decrypt"]);
  const opened = new Uint8Array(await subtle().decrypt({ ...RSA, label: await label(context) }, key, sealed));
  return concat(new Uint8Array(32 - opened.length), opened);
}

/** A signing key. The public half stands beside the seed: without it, WebKitGTK refuses one that begins with a zero byte. */
const signingKey = (seed, publicKey) =>
  subtle().importKey("jwk", { kty: "OKP", crv: "Ed25519", d: base64url(seed), x: publicKey }, "Ed25519", false, ["sign"]);

/** Of more than 32 KiB, their hash is signed. */
async function sign(key, message) {
  const signed = message.length > 32 << 10 ? T("transcript", await sha256(message)) : message;
  return new Uint8Array(await subtle().sign("Ed25519", key, signed));
}

/** The signing seed of a keyset around somebody's own RSA pair. */
async function seedOf(login, pkcs8) {
  const key = await subtle().importKey("pkcs8", pkcs8, RSA, true, ["decrypt"]);
  const { n, p, q } = await subtle().exportKey("jwk", key);
  const primes = [p, q].map(bytes).sort((a, b) => b.length - a.length || compare(b, a));
  return derive(concat(...[bytes(n), ...primes].map(lp)), T("signing-seed", text(login)));
}

// ---- keysets (section 2) ----

const party = ({ login, fingerprint }) => compound(text(login), bytes(fingerprint));

const managersOf = ({ managers: m }) => optional(m && compound(bytes(m.key), ...m.logins.map(text)));

/** A keyset's fingerprint, in base64url. */
export async function fingerprintOf(k) {
  const fields = [text(k.login), integer(k.version), integer(k.suite), bytes(k.encryptionKey), bytes(k.signingKey)];
  return base64url(await sha256(T("keyset", ...fields, optional(k.previous && bytes(k.previous)), managersOf(k))));
}

function keysetSigned(k, field) {
  const fields = [text(k.login), integer(k.version), integer(k.suite), bytes(k.encryptionKey), bytes(k.signingKey)];
  fields.push(integer(k.created), optional(k.previous && bytes(k.previous)), managersOf(k), party(k.maker));
  if (field !== "selfSignature") fields.push(bytes(k.selfSignature));
  if (field === "chainSignature") fields.push(optional(k.makerSignature && bytes(k.makerSignature)));
  return T(`keyset/${field}`, ...fields);
}

// ---- slots and their lists (section 3) ----

/** How much longer a box is than what is in it. */
const BOX = 80;

const slotContext = (fingerprint, { kind, id }) => T("slot", bytes(fingerprint), text(kind), uuid(id));

async function slotHash({ id, fingerprint, kind, holder, unlocker, sealed }) {
  const how = unlocker && compound(uuid(unlocker.id), bytes(unlocker.publicKey), optional(unlocker.vouch && bytes(unlocker.vouch)));
  const fields = [uuid(id), bytes(fingerprint), text(kind), optional(holder && party(holder)), optional(how), bytes(sealed)];
  return base64url(await sha256(T("slot/hash", ...fields)));
}

const manifestFields = (m) => [
  bytes(m.fingerprint),
  integer(m.counter),
  optional(m.previousHash && bytes(m.previousHash)),
  list(m.slots.map(({ id, kind, holder, addedBy, hash }) => compound(uuid(id), text(kind), optional(holder && party(holder)), party(addedBy), bytes(hash)))),
  party(m.author),
];

const manifestHash = async (m) =>
  base64url(await sha256(T("manifest", ...manifestFields(m), bytes(m.signature), bytes(m.authorSignature), optional(m.managerSignature && bytes(m.managerSignature)))));

// ---- answers to requests for access (section 9) ----

async function answerFields(r) {
  const fields = [uuid(r.id), party(r.application), text(r.origin), text(r.login), optional(r.scope === undefined ? undefined : text(r.scope))];
  fields.push(bytes(r.ephemeralKey), integer(r.created), integer(r.expires));
  return [await sha256(T("access", ...fields)), bytes(r.signature)];
}

/** Something sealed as the answer to a request, in base64url: anybody who sees the request can, the relay first of all. */
export async function sealAnswer(request, message) {
  const context = T("access/answer", ...(await answerFields(request)));
  const key = random(32);
  return base64url(concat(await rsaSeal(bytes(request.ephemeralKey), context, key), await sealBox(key, context, message)));
}

// ---- what one who holds keys can write ----

export class Forger {
  #signing;
  #pkcs8;

  /** Made by `forger`. */
  constructor(keyset, fingerprint, signing, pkcs8) {
    Object.assign(this, { keyset, fingerprint });
    this.#signing = signing;
    this.#pkcs8 = pkcs8;
  }

  /**
   * A keyset that follows one's own, with the key pair given and a new signing key, chained or not. Nobody but the holder
   * of `keyPair` can open what is sealed to it. Gives the record.
   */
  async nextKeyset(keyPair, { chain = true } = {}) {
    const signing = await subtle().generateKey("Ed25519", false, ["sign", "verify"]);
    const k = {
      login: this.keyset.login,
      version: this.keyset.version + 1,
      suite: 1,
      encryptionKey: base64url(fromHex(keyPair.publicKey)),
      signingKey: base64url(new Uint8Array(await subtle().exportKey("raw", signing.publicKey))),
      created: Date.now(),
      previous: this.fingerprint,
    };
    k.maker = { login: k.login, fingerprint: await fingerprintOf(k) };
    k.selfSignature = base64url(await sign(signing.privateKey, keysetSigned(k, "selfSignature")));
    if (chain) k.chainSignature = base64url(await sign(this.#signing, keysetSigned(k, "chainSignature")));
    return k;
  }

  /** An exchange key to somebody's keyset: the record, and the key. With `id` and `key`, one that is there, for somebody else. */
  async exchange(to, { delegator = this.keyset.login, commitTo, id = crypto.randomUUID(), key = random(32) } = {}) {
    const recipients = [...new Set([this.fingerprint, await fingerprintOf(to)])].sort((a, b) => compare(bytes(a), bytes(b)));
    const e = { id, suite: 1, delegator, delegatorFingerprint: this.fingerprint, delegate: to.login, recipients };
    const context = T("exchange/commit", uuid(e.id), text(delegator), text(to.login));
    e.commitment = base64url(await derive(commitTo ?? key, context));
    e.created = Date.now();
    const fields = [uuid(e.id), integer(1), text(delegator), bytes(e.delegatorFingerprint), text(e.delegate)];
    const signed = T("exchange", ...fields, list(recipients.map(bytes)), bytes(e.commitment), integer(e.created));
    e.signature = base64url(await sign(this.#signing, signed));
    return { exchange: e, key };
  }

  #wrapContext(e, recipient) {
    return T("exchange/wrap", uuid(e.id), text(e.delegator), text(e.delegate), bytes(recipient), bytes(e.commitment));
  }

  /** An exchange key, wrapped for a keyset. */
  async wrap(e, key, to) {
    const w = { exchange: e.id, recipient: await fingerprintOf(to), wrapper: { login: this.keyset.login, fingerprint: this.fingerprint } };
    w.wrapped = base64url(await rsaSeal(bytes(to.encryptionKey), this.#wrapContext(e, w.recipient), key));
    const signed = T("wrap/signature", uuid(w.exchange), bytes(w.recipient), party(w.wrapper), bytes(w.wrapped));
    w.signature = base64url(await sign(this.#signing, signed));
    return w;
  }

  /** The exchange key of a record that has a wrap for this keyset. */
  async openExchange({ exchange, wraps }) {
    const mine = wraps.find((wrap) => wrap.recipient === this.fingerprint);
    return rsaOpen(this.#pkcs8, this.#wrapContext(exchange, mine.recipient), bytes(mine.wrapped));
  }

  #grantFields(g) {
    const entries = g.entries.map(([id, version, digest]) => compound(uuid(id), integer(version, 4), bytes(digest)));
    const end = optional(g.notAfter === undefined ? undefined : integer(g.notAfter));
    return [uuid(g.id), integer(g.suite), uuid(g.exchange), text(g.delegate), bytes(g.grantorFingerprint), list(entries), integer(g.created), end];
  }

  /** A grant. `items`: `[{ id, version, digest, key }]`, digest and key as bytes. */
  async grant(e, key, items, { notAfter, suite = 1 } = {}) {
    const g = { id: crypto.randomUUID(), suite, exchange: e.id, delegate: e.delegate, grantorFingerprint: this.fingerprint };
    g.entries = items.map(({ id, version, digest }) => [id, version, base64url(digest)]);
    g.created = Date.now();
    if (notAfter !== undefined) g.notAfter = notAfter;
    g.sealed = base64url(await sealBox(key, T("grant", ...this.#grantFields(g)), concat(...items.map((item) => item.key))));
    g.signature = base64url(await sign(this.#signing, T("grant/signature", ...this.#grantFields(g), bytes(g.sealed))));
    return g;
  }

  /**
   * The keys of an identity that is shared with this one, by a slot of one of its versions: what a former member has for
   * ever. `own` is that version as a relay's record has it. Gives another forger, and the version's keyset key.
   */
  async openShared({ keyset, slots, private: sealed }) {
    const fingerprint = await fingerprintOf(keyset);
    const slot = slots.find(({ kind, holder }) => kind === "sharer" && holder.fingerprint === this.fingerprint);
    const context = slotContext(fingerprint, slot);
    const message = bytes(slot.sealed);
    const size = message.length - BOX - 32;
    const keysetKey = await openBox(await rsaOpen(this.#pkcs8, context, message.slice(0, size)), context, message.slice(size));
    const plain = await openBox(keysetKey, T("private", bytes(fingerprint)), bytes(sealed));
    const length = new DataView(plain.buffer).getUint32(0);
    const signing = await signingKey(plain.slice(length + 8), keyset.signingKey);
    return { forger: new Forger(keyset, fingerprint, signing, plain.slice(4, 4 + length)), keysetKey };
  }

  /** A slot on this very keyset for another; `keysetKey` is what it gives. `commitTo`: another key that its box commits to. */
  async slotFor(to, keysetKey, { commitTo } = {}) {
    const holder = { login: to.login, fingerprint: await fingerprintOf(to) };
    const slot = { id: crypto.randomUUID(), fingerprint: this.fingerprint, kind: "sharer", holder };
    const context = slotContext(this.fingerprint, slot);
    const key = random(32);
    slot.sealed = base64url(concat(await rsaSeal(bytes(to.encryptionKey), context, key), await sealBox(key, context, keysetKey, commitTo)));
    return slot;
  }

  /** A list of slots of this keyset that takes the place of another, with its number or a later one. */
  async manifest(before, slots, counter = before.counter + 1) {
    const author = { login: this.keyset.login, fingerprint: this.fingerprint };
    const entries = await Promise.all(slots.map(async (slot) => before.slots.find(({ id }) => id === slot.id) ?? {
      id: slot.id, kind: slot.kind, holder: slot.holder, addedBy: author, hash: await slotHash(slot),
    }));
    const m = { ...before, counter, previousHash: await manifestHash(before), slots: entries, author };
    m.signature = base64url(await sign(this.#signing, T("manifest/signature", ...manifestFields(m))));
    m.authorSignature = base64url(await sign(this.#signing, T("manifest/authorSignature", ...manifestFields(m), bytes(m.signature))));
    return m;
  }

  /** An answer to a request for access, signed with these keys, in the name of `login`. */
  async answer(request, message, login = this.keyset.login) {
    const by = party({ login, fingerprint: this.fingerprint });
    const signed = T("access/answer/signature", ...(await answerFields(request)), by, await sha256(message));
    return sealAnswer(request, compound(bytes(this.fingerprint), await sign(this.#signing, signed), message));
  }

  /** What this identity says about a subject: `body` is JSON text. */
  async statement(subject, counter, body) {
    const s = { login: this.keyset.login, subject, counter, fingerprint: this.fingerprint, body, created: Date.now() };
    const fields = [text(s.login), text(subject), integer(counter), bytes(s.fingerprint), text(body), integer(s.created)];
    return { ...s, signature: base64url(await sign(this.#signing, T("statement/signature", ...fields))) };
  }

  /**
   * What this identity says to its own devices (section 7), as records of a relay: a head over one piece. `entries`: JSON
   * text by the parts of its key; `keysetKey`: as `openShared` gives it.
   */
  async head(keysetKey, counter, entries) {
    const { login } = this.keyset;
    const all = entries.map(([parts, json]) => `${JSON.stringify(parts.join("\n"))}:${json}`);
    const boxing = await derive(keysetKey, T("pins"));
    const piece = await sealBox(boxing, T("piece", text(login)), text(`{${all.sort().join()}}`));
    const name = await sha256(T("piece/name", piece));
    const head = await this.statement("head", counter, JSON.stringify({ root: base64url(name) }));
    const at = (kind) => `${kind}/${login.replaceAll("%", "%25").replaceAll("/", "%2F")}`;
    return { [at("said")]: { head, pieces: 1, bytes: piece.length }, [`${at("piece")}/${toHex(name)}`]: base64url(piece) };
  }

  /** What a grant gives: `[{ id, version, digest, key }]`. */
  async openGrant(g, key) {
    const keys = await openBox(key, T("grant", ...this.#grantFields(g)), bytes(g.sealed));
    return g.entries.map(([id, version, digest], at) => ({ id, version, digest: bytes(digest), key: keys.slice(at * 32, at * 32 + 32) }));
  }
}

/**
 * Somebody who holds the key pair that a login connected with.
 *
 * @param {string} login
 * @param {{ publicKey: string, privateKey: string }} keyPair
 * @param {object} keyset the login's keyset of that pair, as a relay's record has it
 */
export async function forger(login, keyPair, keyset) {
  const pkcs8 = fromHex(keyPair.privateKey);
  return new Forger(keyset, await fingerprintOf(keyset), await signingKey(await seedOf(login, pkcs8), keyset.signingKey), pkcs8);
}

/**
 * An envelope of one chunk (section 6), with a data key of the caller's: what a reader who has the key can put in an
 * item's place. Gives its bytes and digest. `commitTo`: another key that the header commits to.
 */
export async function sealEnvelope({ id, version, key, data, type = "string", suite = 1, commitTo }) {
  const plain = text(data);
  const metadata = text(JSON.stringify({ type, length: plain.length }));
  const head = concat(text("RGR1"), new Uint8Array([suite, 18]), uuid(id), integer(version, 4), integer(metadata.length, 4));
  const salt = random(32);
  const okm = (ikm) => hkdf(ikm, salt, T("envelope", head), 64);
  const mine = (await okm(key)).slice(0, 32);
  const header = concat(head, salt, (await okm(commitTo ?? key)).slice(32));
  const nonce = (number, mark) => concat(new Uint8Array(7), integer(number, 4), new Uint8Array([mark]));
  const chunks = [await gcm("encrypt", mine, nonce(0, 0), metadata), await gcm("encrypt", mine, nonce(1, 1), plain)];
  const hashes = await sha256(...(await Promise.all(chunks.map((chunk) => sha256(chunk)))));
  return { bytes: concat(header, ...chunks), digest: await sha256(T("content", header, optional(), hashes)) };
}
