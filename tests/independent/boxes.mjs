// Protocol section 1: boxes, sealed messages, signatures, and HPKE (RFC 9180), which Node does not have.
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign as signWith,
  timingSafeEqual,
  verify as verifyWith,
} from "node:crypto";
import { T, integer, sha256, text } from "./transcript.mjs";

const hmac = (key, ...parts) => createHmac("sha256", key).update(Buffer.concat(parts)).digest();

/** HKDF-SHA-256 (RFC 5869) on HMAC: `hkdfSync` takes an info of 1,024 bytes at most, and that of a box may be long. */
export function hkdf(ikm, salt, info, length) {
  const prk = hmac(salt, ikm);
  const blocks = [];
  for (let n = 1; blocks.length * 32 < length; n++) blocks.push(hmac(prk, blocks.at(-1) ?? Buffer.alloc(0), info, Buffer.of(n)));
  return Buffer.concat(blocks).subarray(0, length);
}

/** HKDF(x, info) of the protocol. */
export const derive = (secret, info) => hkdf(secret, Buffer.alloc(0), info, 32);

export function same(a, b) {
  return a.length === b.length && timingSafeEqual(a, b);
}

export function gcmSeal(key, nonce, plaintext) {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

export function gcmOpen(key, nonce, sealed) {
  if (sealed.length < 16) throw new Error("shorter than a tag");
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

// ---- box ----

const ZERO_NONCE = Buffer.alloc(12);

function boxKeys(key, context, salt) {
  const okm = hkdf(key, salt, context, 64);
  return { key: okm.subarray(0, 32), commitment: okm.subarray(32) };
}

/** `context`: T(what, fields). */
export function sealBox(key, context, message, salt = randomBytes(32)) {
  const keys = boxKeys(key, context, salt);
  return Buffer.concat([salt, keys.commitment, gcmSeal(keys.key, ZERO_NONCE, message)]);
}

export function openBox(key, context, box) {
  if (box.length < 80) throw new Error("a box: too short");
  const keys = boxKeys(key, context, box.subarray(0, 32));
  if (!same(keys.commitment, box.subarray(32, 64))) throw new Error("a box: the commitment is of another key");
  return gcmOpen(keys.key, ZERO_NONCE, box.subarray(64));
}

// ---- RSA-OAEP and sealed messages ----

const publicRsa = (spki) => createPublicKey({ key: spki, format: "der", type: "spki" });
const privateRsa = (pkcs8) => createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
const oaep = (key, context) => ({
  key,
  padding: constants.RSA_PKCS1_OAEP_PADDING,
  oaepHash: "sha256",
  oaepLabel: text(sha256(context).toString("hex")),
});

export const rsaSeal = (spki, context, message) => publicEncrypt(oaep(publicRsa(spki), context), message);
export const rsaOpen = (pkcs8, context, sealed) => privateDecrypt(oaep(privateRsa(pkcs8), context), sealed);
export const rsaSpki = (pkcs8) => createPublicKey(privateRsa(pkcs8)).export({ format: "der", type: "spki" });
export const rsaNumbers = (pkcs8) => privateRsa(pkcs8).export({ format: "jwk" });

export function sealMessage(spki, context, message) {
  const key = randomBytes(32);
  return Buffer.concat([rsaSeal(spki, context, key), sealBox(key, context, message)]);
}

export function openMessage(pkcs8, context, sealed) {
  const size = privateRsa(pkcs8).asymmetricKeyDetails.modulusLength / 8;
  return openBox(rsaOpen(pkcs8, context, sealed.subarray(0, size)), context, sealed.subarray(size));
}

// ---- Ed25519 and X25519, whose raw keys Node wraps in DER ----

const OID = { ed25519: "70", x25519: "6e" };
const okpDer = (prefix, raw, type) => ({ key: Buffer.concat([Buffer.from(prefix, "hex"), raw]), format: "der", type });
const privateOkp = (curve, raw) => createPrivateKey(okpDer(`302e020100300506032b65${OID[curve]}04220420`, raw, "pkcs8"));
const publicOkp = (curve, raw) => createPublicKey(okpDer(`302a300506032b65${OID[curve]}032100`, raw, "spki"));
const okpPublic = (curve, raw) => createPublicKey(privateOkp(curve, raw)).export({ format: "der", type: "spki" }).subarray(-32);

export const ed25519Public = (seed) => okpPublic("ed25519", seed);
export const x25519Public = (raw) => okpPublic("x25519", raw);
/** What is signed for a message: of more than 32 KiB, their hash (section 0). */
const signed = (message) => (message.length > 32_768 ? T("transcript", sha256(message)) : message);

export const sign = (seed, message) => signWith(null, signed(message), privateOkp("ed25519", seed));

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const little = (raw) => BigInt(`0x${Buffer.from(raw).reverse().toString("hex")}`);
/** The y coordinates of the eight points of small order. */
const SMALL = new Set([
  0n,
  1n,
  P - 1n,
  little(Buffer.from("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "hex")),
  little(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex")),
]);

function refusePoint(point) {
  const y = little(point) & (2n ** 255n - 1n);
  if (y >= P) throw new Error("a signature: a point that is not canonical");
  if (SMALL.has(y)) throw new Error("a signature: a point of small order");
}

/** Throws unless it is a signature, after the checks of section 1. */
export function verify(publicKey, message, signature) {
  if (signature.length !== 64) throw new Error("a signature: its length");
  refusePoint(publicKey);
  refusePoint(signature.subarray(0, 32));
  if (little(signature.subarray(32)) >= ORDER) throw new Error("a signature: S is too large");
  if (!verifyWith(null, signed(message), publicOkp("ed25519", publicKey), signature)) throw new Error("a signature does not verify");
}

const x25519 = (raw, publicKey) => diffieHellman({ privateKey: privateOkp("x25519", raw), publicKey: publicOkp("x25519", publicKey) });

// ---- HPKE, base mode, export only: DHKEM(X25519, HKDF-SHA-256), HKDF-SHA-256, AEAD 0xFFFF ----

const KEM = Buffer.concat([text("KEM"), integer(0x0020, 2)]);
const SUITE = Buffer.concat([text("HPKE"), integer(0x0020, 2), integer(0x0001, 2), integer(0xffff, 2)]);
const NONE = Buffer.alloc(0);
const extract = (suite, salt, label, ikm) => hmac(salt.length ? salt : Buffer.alloc(32), text("HPKE-v1"), suite, text(label), ikm);
/** 32 bytes are one block of HKDF's expansion. */
const expand = (suite, prk, label, info) =>
  hmac(prk, integer(32, 2), text("HPKE-v1"), suite, text(label), info, Buffer.from([1]));

function exported(dh, enc, receiver, info, context) {
  const shared = expand(KEM, extract(KEM, NONE, "eae_prk", dh), "shared_secret", Buffer.concat([enc, receiver]));
  const schedule = Buffer.concat([Buffer.from([0]), extract(SUITE, NONE, "psk_id_hash", NONE), extract(SUITE, NONE, "info_hash", info)]);
  const exporter = expand(SUITE, extract(SUITE, shared, "secret", NONE), "exp", schedule);
  return expand(SUITE, exporter, "sec", context);
}

const SLOT_KEY = T("slot/key");

/** A key for the holder of the X25519 key: `enc`, to be sent, and the key. */
export function hpkeSeal(receiver, info, context = SLOT_KEY, ephemeral = randomBytes(32)) {
  const enc = x25519Public(ephemeral);
  return { enc, key: exported(x25519(ephemeral, receiver), enc, receiver, info, context) };
}

export function hpkeOpen(raw, enc, info, context = SLOT_KEY) {
  return exported(x25519(raw, enc), enc, x25519Public(raw), info, context);
}

/** RFC 9180, section 7.1.3, for its test vectors: the ephemeral key that `ikm` gives. */
export const hpkeKey = (ikm) => expand(KEM, extract(KEM, NONE, "dkp_prk", ikm), "sk", NONE);
