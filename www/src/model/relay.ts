// Reads, and only reads, what the relay of this page keeps: what any relay gets to see.
import type { RelayRecord as Row } from "regrant";
import type { RelayDatabase } from "./relay-database.js";

export interface RelayRecord {
  key: string;
  revision: number;
  /** The record as the relay holds it, laid out for reading. */
  json: string;
}

export interface RelayKind {
  kind: string;
  records: RelayRecord[];
  bytes: number;
}

/** What the first part of a record's key stands for. */
export const MEANING: Record<string, string> = {
  identity: "Logins with their public keys, and the private ones sealed under what only the person has",
  exchange: "Keys between two people, sealed to each of them",
  grant: "Who may open which file: the file keys, sealed",
  item: "Ids of files, with who made them; no content, no names",
  notification: "Messages such as “I have new keys”, sealed and signed",
  "by-item": "Which file has which grants",
  inbox: "Which message waits for whom",
  log: "What changed for each login, in order",
  head: "How far each login's log goes",
  bulk: "Which large grants come from whom",
  revocation: "Whose access to which files ended, signed by who ended it",
  ended: "Which file has which of them",
  "ended-many": "Which of them, about many files, come from whom",
  edge: "Who can act for whom: members and their groups",
  directory: "Where everybody is found, by login and kind",
  statement: "What identities say of themselves: names, signed",
  said: "One signature over all that each identity says to its own devices",
  piece: "What it says to them: whose keys it relies on, with whom it shares, names of files, sealed",
  opening: "Who opened which file for whom, as far as they say",
  role: "Who administers this relay: whoever registered first",
  request: "Requests for access, signed by who asks",
  requests: "Which requests concern whom",
  challenge: "Sign-ins under way: random numbers to be signed",
  upload: "Files that are being stored: ids and sizes",
  uploads: "Which files are being stored by whom",
  kept: "Which files are all there, and how large they are",
};

/** The same in a word or two, for what tells most; the rest is bookkeeping. */
const WORDS: Record<string, string> = {
  identity: "public keys, private ones sealed",
  exchange: "a shared key, sealed to both",
  grant: "who may open what, sealed",
  notification: "a sealed message",
  edge: "who can act for whom",
  statement: "a signed statement",
  said: "a signature",
  piece: "notes for one's own devices, sealed",
  opening: "who opened what",
  challenge: "a sign-in",
  upload: "the size of a file",
};

/** What records of these keys are, in a few words. */
export function inWords(keys: readonly string[]): string {
  const words = [...new Set(keys.flatMap((key) => WORDS[kindOf(key)] ?? []))];
  return words.length > 0 ? words.join("; ") : "bookkeeping";
}

/** All records by kind. */
export async function readRelay(relay: RelayDatabase): Promise<RelayKind[]> {
  return byKind(await relay.records());
}

export const kindOf = (key: string) => key.split("/", 1)[0] ?? key;

function byKind(rows: readonly Row[]): RelayKind[] {
  const kinds = new Map<string, RelayKind>();
  for (const { key, rev, value } of rows) {
    const kind = kindOf(key);
    const group = kinds.get(kind) ?? { kind, records: [], bytes: 0 };
    group.records.push({ key, revision: rev, json: layOut(value) });
    group.bytes += value.length;
    kinds.set(kind, group);
  }
  return [...kinds.values()].sort((a, b) => a.kind.localeCompare(b.kind));
}

export function layOut(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
