// Reads, and only reads, what the embedded relay wrote into this browser's database: what any relay gets to see.

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
  challenge: "Sign-ins under way: random numbers to be signed",
};

/** All records by kind; none while the relay has no database yet. */
export async function readRelay(name: string): Promise<RelayKind[]> {
  const databaseName = `regrant/${name}/relay`;
  // Opening a database that is not there would make an empty one in the relay's place.
  const known = await indexedDB.databases();
  if (!known.some((database) => database.name === databaseName)) return [];
  const database = await open(databaseName);
  try {
    return byKind(await records(database));
  } finally {
    database.close();
  }
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onupgradeneeded = () => request.transaction?.abort();
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error ?? new Error("the relay's database cannot be read"));
  });
}

function records(database: IDBDatabase): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const request = database.transaction("records", "readonly").objectStore("records").getAll();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the relay's database cannot be read"));
  });
}

function byKind(rows: unknown[]): RelayKind[] {
  const kinds = new Map<string, RelayKind>();
  for (const row of rows) {
    const { key, rev, value } = row as { key: string; rev: number; value: string };
    const kind = key.split("/", 1)[0] ?? key;
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
