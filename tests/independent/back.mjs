// Protocol section 8: what is sent when keys were lost, and what giving access back is answered with.
import { openMessage, sealMessage, sign, verify } from "./boxes.mjs";
import { fingerprintOf } from "./keyset.mjs";
import { T, bytes, integer, list, sha256, text, toBase64url, uuid, uuidText } from "./transcript.mjs";

function notificationFields(n) {
  return [
    uuid(n.id),
    text(n.type),
    text(n.sender),
    bytes(n.senderFingerprint),
    text(n.recipient),
    bytes(n.recipientFingerprint),
    integer(n.created),
  ];
}

/** Opens one with the keys of the keyset that it is for: what it says, and `body`, the text that it says it in. */
export function openNotification(n, own) {
  const body = openMessage(own.pkcs8, T("notification", ...notificationFields(n)), bytes(n.sealed));
  return { ...JSON.parse(body.toString("utf8")), body };
}

/** Throws unless the new keyset signed the fields and the body. */
export function checkNotification(n, body, sender) {
  verify(bytes(sender.signingKey), T("notification/signature", ...notificationFields(n), body), bytes(n.signature));
}

/** Tells a recipient's keyset that `own` is new after a loss. */
export function makeNotification(own, recipient) {
  const { login } = own.keyset;
  const n = {
    id: notificationId(own, recipient.login),
    type: "KEY_PAIR_UPDATE",
    sender: login,
    senderFingerprint: toBase64url(own.fingerprint),
    recipient: recipient.login,
    recipientFingerprint: toBase64url(fingerprintOf(recipient)),
    created: Date.now(),
  };
  const spki = bytes(own.keyset.encryptionKey);
  const body = text(JSON.stringify({ dataOwnerConcernedId: login, dataOwnerConcernedPubKey: spki.toString("hex") }));
  n.sealed = toBase64url(sealMessage(bytes(recipient.encryptionKey), T("notification", ...notificationFields(n)), body));
  n.signature = toBase64url(sign(own.seed, T("notification/signature", ...notificationFields(n), body)));
  return n;
}

/** The id that a notification of `own`, a new keyset, has for a recipient. */
export function notificationId(own, recipient) {
  const signature = sign(own.seed, T("notification/id", own.fingerprint, text(recipient)));
  const id = sha256(T("notification/id/hash", signature)).subarray(0, 16);
  id[6] = (id[6] & 0x0f) | 0x80;
  id[8] = (id[8] & 0x3f) | 0x80;
  return uuidText(id);
}

/** A receipt as the package shows it (fingerprints and signature in hex) or as it travels (base64url). */
export function checkReceipt(r, giver) {
  const raw = (value) => (/^([0-9a-f]{2}){32,}$/.test(value) ? Buffer.from(value, "hex") : bytes(value));
  const fields = [
    uuid(r.id),
    text(r.giver),
    raw(r.giverFingerprint),
    text(r.requester),
    raw(r.requesterFingerprint),
    list(r.exchanges.map(uuid)),
    list(r.slots.map(uuid)),
    list(r.pending.map(raw)),
    integer(r.created),
  ];
  verify(bytes(giver.signingKey), T("receipt/signature", ...fields), raw(r.signature));
}
