// Protocol section 2: keysets, their signatures and their private part. Records as they travel: bytes in base64url.
import { randomBytes } from "node:crypto";
import { derive, ed25519Public, openBox, rsaNumbers, rsaSpki, same, sealBox, sign, verify } from "./boxes.mjs";
import { T, bytes, compound, integer, lp, optional, sha256, text, toBase64url, unpack } from "./transcript.mjs";

/** Somebody: a login and the fingerprint of one of its keysets. */
export const party = ({ login, fingerprint }) => compound(text(login), bytes(fingerprint));

const maybe = (value, encode) => optional(value === undefined ? undefined : encode(value));

const managers = (m) => compound(bytes(m.key), ...m.logins.map(text));

/** A keyset's fingerprint, 32 bytes. */
export function fingerprintOf(k) {
  const fields = [text(k.login), integer(k.version), integer(k.suite), bytes(k.encryptionKey), bytes(k.signingKey)];
  return sha256(T("keyset", ...fields, maybe(k.previous, bytes), maybe(k.managers, managers)));
}

const named = (k) => toBase64url(fingerprintOf(k));

/** What a signature of a keyset is over: the fields before it. */
function signed(k, field) {
  const fields = [
    text(k.login),
    integer(k.version),
    integer(k.suite),
    bytes(k.encryptionKey),
    bytes(k.signingKey),
    integer(k.created),
    maybe(k.previous, bytes),
    maybe(k.managers, managers),
    party(k.maker),
  ];
  if (field !== "selfSignature") fields.push(bytes(k.selfSignature));
  if (field === "chainSignature" || field === "managerSignature") fields.push(maybe(k.makerSignature, bytes));
  if (field === "managerSignature") fields.push(maybe(k.chainSignature, bytes));
  return T(`keyset/${field}`, ...fields);
}

/** Throws unless it was made as it says. `find(fingerprint)`: the keyset of that name, or `undefined`. */
export function checkKeyset(k, find) {
  if (k.suite !== 1) throw new Error("a keyset of another suite");
  verify(bytes(k.signingKey), signed(k, "selfSignature"), bytes(k.selfSignature));
  const own = k.maker.login === k.login;
  if (own !== (k.makerSignature === undefined)) throw new Error("a keyset: who made it");
  if (!own) verify(bytes(find(k.maker.fingerprint).signingKey), signed(k, "makerSignature"), bytes(k.makerSignature));
  if ((k.version === 1) !== (k.previous === undefined)) throw new Error("a keyset: what was before it");
  if (k.chainSignature !== undefined) checkChain(k, find(k.previous));
  return fingerprintOf(k);
}

/** Throws unless `k` follows `before` with proof. */
export function checkChain(k, before) {
  const next = k.login === before.login && k.version === before.version + 1 && k.previous === named(before);
  if (!next) throw new Error("a chain: not the next");
  if (k.chainSignature === undefined) throw new Error("a chain: broken");
  verify(bytes(before.signingKey), signed(k, "chainSignature"), bytes(k.chainSignature));
  if (before.managers === undefined) return;
  if (k.managerSignature === undefined) throw new Error("a chain: not by a manager");
  verify(bytes(before.managers.key), signed(k, "managerSignature"), bytes(k.managerSignature));
}

const inside = (fingerprint) => T("private", fingerprint);

/** Opens the private part with the keyset key, and compares both public halves. */
export function openPrivate(k, box, keysetKey) {
  const { values, rest } = unpack(openBox(keysetKey, inside(fingerprintOf(k)), bytes(box)), 2);
  const [pkcs8, seed] = values;
  if (rest.length > 0 || seed.length !== 32) throw new Error("a private part: its form");
  if (!same(ed25519Public(seed), bytes(k.signingKey)) || !same(rsaSpki(pkcs8), bytes(k.encryptionKey))) {
    throw new Error("a private part: of other public keys");
  }
  return { keyset: k, keysetKey, pkcs8, seed, fingerprint: fingerprintOf(k) };
}

/** The signing seed of a keyset around somebody's own RSA pair. */
export function ownPairSeed(login, pkcs8) {
  const { n, p, q } = rsaNumbers(pkcs8);
  const [modulus, ...primes] = [n, p, q].map((number) => bytes(number));
  const ordered = primes.sort((a, b) => Buffer.compare(b, a));
  return derive(Buffer.concat([modulus, ...ordered].map(lp)), T("signing-seed", text(login)));
}

/**
 * Makes a keyset. `before`: the opened one that it follows; `chain`: whether that one signs it.
 * Gives what `openPrivate` gives, and `box`, the private part.
 */
export function makeKeyset({ login, pkcs8, seed = randomBytes(32), before, chain = true, created = Date.now() }) {
  const k = {
    login,
    version: before ? before.keyset.version + 1 : 1,
    suite: 1,
    encryptionKey: toBase64url(rsaSpki(pkcs8)),
    signingKey: toBase64url(ed25519Public(seed)),
    created,
  };
  if (before) k.previous = toBase64url(before.fingerprint);
  k.maker = { login, fingerprint: named(k) };
  k.selfSignature = toBase64url(sign(seed, signed(k, "selfSignature")));
  if (before && chain) k.chainSignature = toBase64url(sign(before.seed, signed(k, "chainSignature")));
  const [keysetKey, fingerprint] = [randomBytes(32), fingerprintOf(k)];
  const box = toBase64url(sealBox(keysetKey, inside(fingerprint), Buffer.concat([lp(pkcs8), lp(seed)])));
  return { keyset: k, keysetKey, pkcs8, seed, fingerprint, box };
}
