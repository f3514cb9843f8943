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
  inbox: "Which message waits for whom",
  log: "What changed for each login, in order",
  revocation: "Whose access to which files ended, signed by who ended it",
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
  session: "Who is signed in until when, under a hash of a token that only they have",
  upload: "Files that are being stored: ids and sizes",
  uploads: "Which files are being stored by whom",
  kept: "Which files are all there, and how large they are",
};

/** All records by kind. */
export async function readRelay(kept: RelayDatabase): Promise<RelayKind[]> {
  return byKind(await kept.records());
}

const kindOf = (key: string) => key.split("/", 1)[0] ?? key;

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

function layOut(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
