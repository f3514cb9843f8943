// Protocol section 3: slots, which hand out the keyset key, and the manifest that lists them.
import { randomBytes, randomUUID } from "node:crypto";
import { derive, hpkeOpen, hpkeSeal, openBox, openMessage, same, sealBox, sealMessage, sign, verify, x25519Public } from "./boxes.mjs";
import { party } from "./keyset.mjs";
import { T, bytes, compound, integer, list, optional, sha256, text, toBase64url, uuid } from "./transcript.mjs";

const context = (fingerprint, kind, id) => T("slot", fingerprint, text(kind), uuid(id));
const of = (slot) => context(bytes(slot.fingerprint), slot.kind, slot.id);

// ---- unlockers: what somebody's secret opens ----

const unlockerKey = (secret, kind, login, id) => derive(secret, T("unlocker", text(kind), text(login), uuid(id)));

function vouchFor(secret, kind, login, id, fingerprint) {
  return Buffer.concat([fingerprint, derive(secret, T("vouch", text(kind), text(login), uuid(id), fingerprint))]);
}

/** The fingerprint that an unlocker vouches for; throws unless the secret says so. */
export function vouched(slot, login, secret) {
  const vouch = bytes(slot.unlocker.vouch);
  const fingerprint = vouch.subarray(0, 32);
  if (!same(vouchFor(secret, slot.kind, login, slot.unlocker.id, fingerprint), vouch)) throw new Error("a vouch that is not ours");
  return fingerprint;
}

// ---- making ----

function slotOf(own, kind, seal, more = {}) {
  const id = randomUUID();
  const sealed = toBase64url(seal(context(own.fingerprint, kind, id)));
  return { id, fingerprint: toBase64url(own.fingerprint), kind, ...more, sealed };
}

/** `own`: an opened keyset. */
export function passwordSlot(own, secret, unlockerId = randomUUID(), vouchedFor = own.fingerprint) {
  const { login } = own.keyset;
  const publicKey = x25519Public(unlockerKey(secret, "password", login, unlockerId));
  const vouch = vouchFor(secret, "password", login, unlockerId, vouchedFor);
  const unlocker = { id: unlockerId, publicKey: toBase64url(publicKey), vouch: toBase64url(vouch) };
  const seal = (info) => {
    const { enc, key } = hpkeSeal(publicKey, info);
    return Buffer.concat([enc, sealBox(key, info, own.keysetKey)]);
  };
  return slotOf(own, "password", seal, { unlocker });
}

export function keypairSlot(own, spki, unlockerId = randomUUID()) {
  const unlocker = { id: unlockerId, publicKey: toBase64url(spki) };
  return slotOf(own, "keypair", (info) => sealMessage(spki, info, own.keysetKey), { unlocker });
}

/** `holder`: a keyset's record. */
export function sharerSlot(own, holder, fingerprint) {
  const to = { login: holder.login, fingerprint: toBase64url(fingerprint) };
  return slotOf(own, "sharer", (info) => sealMessage(bytes(holder.encryptionKey), info, own.keysetKey), { holder: to });
}

/** Version `next` opens what `own` could. */
export const successorSlot = (own, next) => slotOf(own, "successor", (info) => sealBox(next.keysetKey, info, own.keysetKey));

// ---- opening: each gives the keyset key ----

export function openPasswordSlot(slot, login, secret) {
  const raw = unlockerKey(secret, slot.kind, login, slot.unlocker.id);
  if (!same(x25519Public(raw), bytes(slot.unlocker.publicKey))) throw new Error("a slot of another secret");
  const sealed = bytes(slot.sealed);
  return openBox(hpkeOpen(raw, sealed.subarray(0, 32), of(slot)), of(slot), sealed.subarray(32));
}

/** Of kind `keypair` with the caller's pair, of kind `sharer` with the holder's. */
export const openSealedSlot = (slot, pkcs8) => openMessage(pkcs8, of(slot), bytes(slot.sealed));
export const openSuccessorSlot = (slot, nextKeysetKey) => openBox(nextKeysetKey, of(slot), bytes(slot.sealed));

// ---- the manifest ----

const maybe = (value, encode) => optional(value === undefined ? undefined : encode(value));

export function slotHash(slot) {
  const unlocker = maybe(slot.unlocker, (u) => compound(uuid(u.id), bytes(u.publicKey), maybe(u.vouch, bytes)));
  const named = [uuid(slot.id), bytes(slot.fingerprint), text(slot.kind), maybe(slot.holder, party)];
  return sha256(T("slot/hash", ...named, unlocker, bytes(slot.sealed)));
}

function manifestFields(m) {
  const entry = (s) => compound(uuid(s.id), text(s.kind), maybe(s.holder, party), party(s.addedBy), bytes(s.hash));
  return [bytes(m.fingerprint), integer(m.counter), maybe(m.previousHash, bytes), list(m.slots.map(entry)), party(m.author)];
}

const bySet = (m) => T("manifest/signature", ...manifestFields(m));
const byAuthor = (m) => T("manifest/authorSignature", ...manifestFields(m), bytes(m.signature));

export const manifestHash = (m) => sha256(T("manifest", ...manifestFields(m), bytes(m.signature), bytes(m.authorSignature), maybe(m.managerSignature, bytes)));

/** Throws unless the manifest lists exactly these slots, and both signatures verify. */
export function checkManifest(m, keyset, slots, author) {
  verify(bytes(keyset.signingKey), bySet(m), bytes(m.signature));
  verify(bytes(author.signingKey), byAuthor(m), bytes(m.authorSignature));
  if (keyset.managers !== undefined) {
    if (m.managerSignature === undefined) throw new Error("a manifest: not by a manager");
    const byManager = T("manifest/managerSignature", ...manifestFields(m), bytes(m.signature), bytes(m.authorSignature));
    verify(bytes(keyset.managers.key), byManager, bytes(m.managerSignature));
  }
  if ((m.counter === 1) !== (m.previousHash === undefined)) throw new Error("a manifest: what was before it");
  const listed = m.slots.map((s) => [s.id, s.kind, s.holder?.fingerprint, s.hash].join());
  const there = slots.map((s) => [s.id, s.kind, s.holder?.fingerprint, toBase64url(slotHash(s))].join());
  if (listed.sort().join(" ") !== there.sort().join(" ")) throw new Error("a manifest: of other slots");
}

/** `before`: the manifest that it replaces. */
export function makeManifest(own, slots, before) {
  const me = { login: own.keyset.login, fingerprint: toBase64url(own.fingerprint) };
  const entries = slots.map((s) => ({
    id: s.id,
    kind: s.kind,
    ...(s.holder && { holder: s.holder }),
    addedBy: me,
    hash: toBase64url(slotHash(s)),
  }));
  const m = {
    fingerprint: me.fingerprint,
    counter: (before?.counter ?? 0) + 1,
    ...(before && { previousHash: toBase64url(manifestHash(before)) }),
    slots: entries,
    author: me,
  };
  m.signature = toBase64url(sign(own.seed, bySet(m)));
  m.authorSignature = toBase64url(sign(own.seed, byAuthor(m)));
  return m;
}

/** What a relay keeps to let a vault secret log in: the hash of `relaySecret` (section 4). */
export const relayHash = (secret, relayId = "embedded:default") => toBase64url(sha256(derive(secret, T("relay", text(relayId)))));
export const newSecret = () => randomBytes(32);
