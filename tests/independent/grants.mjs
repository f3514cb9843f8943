// Protocol section 5: exchange keys with their wraps, grants, revocations.
import { randomBytes, randomUUID } from "node:crypto";
import { derive, openBox, rsaOpen, rsaSeal, same, sealBox, sign, verify } from "./boxes.mjs";
import { fingerprintOf, party } from "./keyset.mjs";
import { T, bytes, compound, integer, list, optional, text, toBase64url, uuid } from "./transcript.mjs";

// ---- exchange keys ----

function exchangeSigned(e) {
  const recipients = list(e.recipients.map(bytes));
  const pair = [text(e.delegator), bytes(e.delegatorFingerprint), text(e.delegate)];
  return T("exchange", uuid(e.id), integer(e.suite), ...pair, recipients, bytes(e.commitment), integer(e.created));
}

const committed = (key, e) => derive(key, T("exchange/commit", uuid(e.id), text(e.delegator), text(e.delegate)));

/** Throws unless its delegator's keyset signed it. */
export function checkExchange(e, delegator) {
  const whose = toBase64url(fingerprintOf(delegator));
  if (e.delegator !== delegator.login || e.delegatorFingerprint !== whose) throw new Error("an exchange: whose it is");
  const recipients = e.recipients.map((recipient) => bytes(recipient));
  const sorted = recipients.every((recipient, n) => n === 0 || Buffer.compare(recipients[n - 1], recipient) < 0);
  if (!sorted) throw new Error("an exchange: its recipients are not sorted");
  verify(bytes(delegator.signingKey), exchangeSigned(e), bytes(e.signature));
}

/** `own`: my opened keyset; `delegate`: the record of the other's, or mine. Gives the record and the key. */
export function makeExchange(own, delegate) {
  const key = randomBytes(32);
  const recipients = [...new Set([own.fingerprint, fingerprintOf(delegate)].map(toBase64url))];
  const e = {
    id: randomUUID(),
    suite: 1,
    delegator: own.keyset.login,
    delegatorFingerprint: toBase64url(own.fingerprint),
    delegate: delegate.login,
    recipients: recipients.sort((a, b) => Buffer.compare(bytes(a), bytes(b))),
    created: Date.now(),
  };
  e.commitment = toBase64url(committed(key, e));
  e.signature = toBase64url(sign(own.seed, exchangeSigned(e)));
  return { exchange: e, key };
}

// ---- wraps ----

const wrapContext = (e, recipient) =>
  T("exchange/wrap", uuid(e.id), text(e.delegator), text(e.delegate), bytes(recipient), bytes(e.commitment));
const wrapSigned = (w) => T("wrap/signature", uuid(w.exchange), bytes(w.recipient), party(w.wrapper), bytes(w.wrapped));

/** The exchange key for one more keyset. */
export function makeWrap(own, e, key, recipient) {
  const to = toBase64url(fingerprintOf(recipient));
  const w = {
    exchange: e.id,
    recipient: to,
    wrapper: { login: own.keyset.login, fingerprint: toBase64url(own.fingerprint) },
    wrapped: toBase64url(rsaSeal(bytes(recipient.encryptionKey), wrapContext(e, to), key)),
  };
  w.signature = toBase64url(sign(own.seed, wrapSigned(w)));
  return w;
}

export const checkWrap = (w, wrapper) => verify(bytes(wrapper.signingKey), wrapSigned(w), bytes(w.signature));

/** The exchange key in a wrap to `own`. */
export function openWrap(w, e, own) {
  const key = rsaOpen(own.pkcs8, wrapContext(e, w.recipient), bytes(w.wrapped));
  if (key.length !== 32 || !same(committed(key, e), bytes(e.commitment))) throw new Error("a wrap: a key that does not fit the commitment");
  return key;
}

// ---- grants ----

const named = (login) => optional(login === undefined ? undefined : text(login));

function grantFields(g) {
  const entry = ([item, version, digest, origin]) => {
    const parts = [uuid(item), integer(version, 4), bytes(digest)];
    return compound(...parts, ...(origin ? [compound(named(origin.owner), named(origin.sealer))] : []));
  };
  return [
    uuid(g.id),
    integer(g.suite),
    uuid(g.exchange),
    text(g.delegate),
    bytes(g.grantorFingerprint),
    list(g.entries.map(entry)),
    integer(g.created),
    optional(g.notAfter === undefined ? undefined : integer(g.notAfter)),
  ];
}

const grantSigned = (g) => T("grant/signature", ...grantFields(g), bytes(g.sealed));

/** `items`: `[{ id, keyVersion, digest, dataKey, origin? }]`; `origin`: `{ owner?, sealer? }`, who is not the giver; `notAfter`: when it runs out, if it does. */
export function makeGrant(own, e, key, items, notAfter) {
  const g = {
    id: randomUUID(),
    suite: 1,
    exchange: e.id,
    delegate: e.delegate,
    grantorFingerprint: toBase64url(own.fingerprint),
    entries: items.map(({ id, keyVersion, digest, origin }) => [id, keyVersion, toBase64url(digest), ...(origin ? [origin] : [])]),
    created: Date.now(),
    ...(notAfter !== undefined && { notAfter }),
  };
  g.sealed = toBase64url(sealBox(key, T("grant", ...grantFields(g)), Buffer.concat(items.map((item) => item.dataKey))));
  g.signature = toBase64url(sign(own.seed, grantSigned(g)));
  return g;
}

export const checkGrant = (g, grantor) => verify(bytes(grantor.signingKey), grantSigned(g), bytes(g.signature));

/** `[{ id, keyVersion, digest, dataKey, origin? }]`. */
export function openGrant(g, key) {
  const keys = openBox(key, T("grant", ...grantFields(g)), bytes(g.sealed));
  if (keys.length !== 32 * g.entries.length) throw new Error("a grant: as many keys as entries");
  const dataKey = (n) => keys.subarray(32 * n, 32 * n + 32);
  return g.entries.map(([id, keyVersion, digest, origin], n) => ({ id, keyVersion, digest: bytes(digest), dataKey: dataKey(n), origin }));
}

// ---- revocations ----

export function checkRevocation(r, revoker) {
  const items = list(r.items.map(([item, version]) => compound(uuid(item), integer(version, 4))));
  const fields = [uuid(r.id), items, text(r.login), list(r.grants.map(uuid)), party(r.revoker), integer(r.created)];
  verify(bytes(revoker.signingKey), T("revocation/signature", ...fields), bytes(r.signature));
}
