// Protocol section 7, *head* and *pieces*: what an identity says to its own devices, read and written.
import { derive, openBox, sealBox } from "./boxes.mjs";
import { checkStatement, makeStatement, pinOf, statementHash } from "./statements.mjs";
import { T, bytes, sha256, text, toBase64url } from "./transcript.mjs";

const boxing = (own) => derive(own.keysetKey, T("pins"));
const context = (login) => T("piece", text(login));

/** The name of a piece, in base64url. */
export const nameOf = (sealed) => toBase64url(sha256(T("piece/name", bytes(sealed))));

/** The place of an entry, in half-bytes, each as a hexadecimal digit. */
const halves = (key) => [...sha256(T("piece/place", text(key))).toString("hex")];

/**
 * Everything that is said under a head, by the parts of its key. `own`: the keyset that signed it, opened; `piece(name)`:
 * what the relay has. Throws for anything that is withheld.
 */
export function readHead(head, own, piece) {
  const { login } = own.keyset;
  if (head.subject !== "head" || head.fingerprint !== toBase64url(own.fingerprint)) throw new Error("a head by other keys");
  const { root, profile } = checkStatement(head, own.keyset);
  const entries = new Map();
  let pieces = 0;
  const walk = (name, prefix) => {
    const sealed = piece(name);
    if (sealed === undefined || nameOf(sealed) !== name) throw new Error("a piece: missing, or another one");
    pieces++;
    const plain = openBox(boxing(own), context(login), bytes(sealed)).toString("utf8");
    const said = JSON.parse(plain);
    if (Array.isArray(said)) {
      if (said.length !== 16) throw new Error("a node: its form");
      said.forEach((below, half) => below !== null && walk(below, [...prefix, half.toString(16)]));
      return;
    }
    if (plain.length > 8192 && Object.keys(said).length > 1) throw new Error("a leaf: too long");
    for (const [key, value] of Object.entries(said)) {
      if (halves(key).slice(0, prefix.length).join() !== prefix.join()) throw new Error("an entry: out of its place");
      entries.set(key, value);
    }
  };
  if (root !== undefined) walk(root, []);
  return { entries, pieces, profile };
}

/** With whom one shares, what is named, and what is relied on, by login. */
export function meaning(entries) {
  const [shares, names, events] = [[], {}, {}];
  for (const [key, value] of entries) {
    const [what, about, of] = key.split("\n");
    if (what === "share" && value.value) shares.push(about);
    else if (what === "named" && value.value !== null) names[about] = value.value;
    else if (["seen", "chained", "decided"].includes(what)) ((events[about] ??= {})[what] ??= {})[of] = value;
    else if (what === "crowded") (events[about] ??= {}).crowded = value;
  }
  return { shares, names, pins: Object.fromEntries(Object.entries(events).map(([login, all]) => [login, pinOf(all)])) };
}

/**
 * Says entries, `Map` of key to value, in the place of a head: the new one, and pieces by their names.
 */
export function makeHead(own, before, entries, profile) {
  const pieces = {};
  const seal = (said) => {
    const sealed = toBase64url(sealBox(boxing(own), context(own.keyset.login), text(JSON.stringify(said))));
    pieces[nameOf(sealed)] = sealed;
    return nameOf(sealed);
  };
  const divide = (all, depth) => {
    const leaf = Object.fromEntries(all);
    if (all.length === 1 || JSON.stringify(leaf).length <= 8192) return seal(leaf);
    const below = (half) => all.filter(([key]) => halves(key)[depth] === half.toString(16));
    return seal(Array.from({ length: 16 }, (_, half) => (below(half).length ? divide(below(half), depth + 1) : null)));
  };
  const root = entries.size ? divide([...entries].sort(([a], [b]) => (halves(a).join() < halves(b).join() ? -1 : 1)), 0) : undefined;
  return { head: makeStatement(own, "head", before.counter + 1, { root, profile }), pieces };
}

/** What a head says of a profile. */
export const namedProfile = (s) => ({ counter: s.counter, hash: toBase64url(statementHash(s)) });
