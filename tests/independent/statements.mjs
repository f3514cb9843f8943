// Protocol sections 7 and 9: what identities say of themselves, and requests for access.
import { openMessage, sealMessage, sign, verify } from "./boxes.mjs";
import { fingerprintOf, party } from "./keyset.mjs";
import { T, bytes, compound, integer, optional, sha256, text, toBase64url, unpack, uuid } from "./transcript.mjs";

const said = (s) =>
  T("statement/signature", text(s.login), text(s.subject), integer(s.counter), bytes(s.fingerprint), text(s.body), integer(s.created));

/** What tells a statement from others. */
export const statementHash = (s) => sha256(T("statement", said(s), bytes(s.signature)));

/** Throws unless the keyset that it names signed it; gives what it says. */
export function checkStatement(s, keyset) {
  if (keyset.login !== s.login) throw new Error("a statement in another name");
  verify(bytes(keyset.signingKey), said(s), bytes(s.signature));
  return JSON.parse(s.body);
}

/** Says something with an opened keyset's key. */
export function makeStatement(own, subject, counter, body) {
  const s = { login: own.keyset.login, subject, counter, fingerprint: toBase64url(own.fingerprint), body: JSON.stringify(body), created: Date.now() };
  return { ...s, signature: toBase64url(sign(own.seed, said(s))) };
}

/** What follows from the events of a login (section 7): version, fingerprint and whether verified; or `forked`. */
export function pinOf({ crowded, seen = {}, chained = {}, decided = {} }) {
  const all = Object.entries(decided);
  const replaced = new Set(all.flatMap(([, { over = [] }]) => over));
  const live = all.filter(([id]) => !replaced.has(id)).map(([, decision]) => decision);
  const chosen = new Set(live.map(({ fingerprint }) => fingerprint));
  const aside = new Set(all.flatMap(([, d]) => d.aside ?? []).filter((fingerprint) => !chosen.has(fingerprint)));
  const anchors = live.length ? live : Object.entries(seen).map(([fingerprint, version]) => ({ fingerprint, version }));
  if (crowded || !anchors.length) return { forked: true };
  let { version, fingerprint } = anchors.reduce((lowest, anchor) => (anchor.version < lowest.version ? anchor : lowest));
  while (chained[fingerprint] && !aside.has(chained[fingerprint].previous)) [version, fingerprint] = [version - 1, chained[fingerprint].previous];
  const line = new Set();
  for (;;) {
    line.add(fingerprint);
    const next = Object.keys(chained).filter((key) => chained[key].previous === fingerprint && !aside.has(key));
    if (next.length > 1) return { forked: true };
    if (!next.length) break;
    [version, fingerprint] = [version + 1, next[0]];
  }
  if (anchors.some((anchor) => !line.has(anchor.fingerprint))) return { forked: true };
  return { version, fingerprint, verified: live.some(({ compared }) => compared) };
}

const asked = (name, r) =>
  T(
    name,
    uuid(r.id),
    party(r.application),
    text(r.origin),
    text(r.login),
    optional(r.scope === undefined ? undefined : text(r.scope)),
    bytes(r.ephemeralKey),
    integer(r.created),
    integer(r.expires),
  );

/** Throws unless the application's keyset signed it. */
export const checkRequest = (r, keyset) => verify(bytes(keyset.signingKey), asked("access/signature", r), bytes(r.signature));

const answerContext = (r) => T("access/answer", sha256(asked("access", r)), bytes(r.signature));

const answerSigned = (r, fingerprint, answer) =>
  T("access/answer/signature", sha256(asked("access", r)), bytes(r.signature), party({ login: r.login, fingerprint: toBase64url(fingerprint) }), sha256(answer));

/** An answer by an own keyset; without one, as a relay can make it: signed by nobody. */
export function sealAnswer(r, answer, own) {
  const signed = own && compound(own.fingerprint, sign(own.seed, answerSigned(r, own.fingerprint, answer)), answer);
  return toBase64url(sealMessage(bytes(r.ephemeralKey), answerContext(r), signed ?? answer));
}

/** The answer; throws unless the keyset given signed it. */
export function openAnswer(r, pkcs8, sealed, keyset) {
  const { values: [by, signature, answer], rest } = unpack(openMessage(pkcs8, answerContext(r), bytes(sealed)), 3);
  if (rest.length > 0) throw new Error("something is left over");
  if (!by.equals(fingerprintOf(keyset))) throw new Error("the answer is by other keys");
  verify(bytes(keyset.signingKey), answerSigned(r, by, answer), signature);
  return answer;
}
