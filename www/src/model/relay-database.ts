// The relay of this demo: an object that keeps records, for `Regrant.open({ relay })`. It does what the package's
// embedded relay does, in a database of this page's own, and notes every write that it was sent: the page shows them.
// Like any relay, it gets public keys, logins and ciphertext, and nothing else.
import { signal } from "@preact/signals";
import type { Relay, RelayRecord, RelayWrite } from "regrant";
import { Database, committed, promise } from "./database.js";

/** One operation that the relay was sent, in the order in which they took place. */
export interface Sent {
  number: number;
  /** Unix milliseconds. */
  when: number;
  /** What the people of the page were doing at the time, in words. */
  during: string;
  /** Records that were written; without a value, deleted. */
  writes: { key: string; revision: number; value?: string }[];
  /** Parts of a file that were written, or all of them dropped; the bytes are where the relay keeps them. */
  parts?: { item: string; names: string[]; bytes: number; dropped?: true };
}

/** Records are kept under their keys in UTF-8, which puts them in the right order. */
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Everything that begins so and comes after a key; nothing, if that lies behind it all. */
function range(prefix: string, after: string): IDBKeyRange | undefined {
  const [first, past] = [utf8(prefix), utf8(after)];
  // No UTF-8 has this byte: it comes after everything that begins so.
  const end = new Uint8Array([...first, 0xff]);
  if (indexedDB.cmp(past, first) < 0) return IDBKeyRange.bound(first, end);
  return indexedDB.cmp(past, end) < 0 ? IDBKeyRange.bound(past, end, true) : undefined;
}

export class RelayDatabase implements Relay {
  /** What was sent, oldest first. */
  readonly sent = signal<readonly Sent[]>([]);
  /** Says what is going on, for the notes. */
  during: () => string = () => "";
  #database: Database;
  /** Other tabs have the same relay. */
  #tabs: BroadcastChannel;

  /** @param elsewhere called when another tab wrote something */
  constructor(readonly name: string, elsewhere: () => void) {
    this.#database = new Database(name, (database) => {
      database.createObjectStore("records");
      database.createObjectStore("parts");
      database.createObjectStore("sent", { keyPath: "number", autoIncrement: true });
    });
    this.#tabs = new BroadcastChannel(name);
    this.#tabs.onmessage = () => void this.load().then(elsewhere);
  }

  /** Takes up what was sent before, or from another tab. */
  async load(): Promise<void> {
    const transaction = await this.#database.transaction(["sent"], "readonly");
    this.sent.value = await promise<Sent[]>(transaction.objectStore("sent").getAll());
  }

  async records(): Promise<RelayRecord[]> {
    const transaction = await this.#database.transaction(["records"], "readonly");
    return promise<RelayRecord[]>(transaction.objectStore("records").getAll());
  }

  delete(): Promise<void> {
    return this.#database.delete();
  }

  // ---- what the package asks ----

  async get(keys: readonly string[]): Promise<(RelayRecord | undefined)[]> {
    const transaction = await this.#database.transaction(["records"], "readonly");
    const records = transaction.objectStore("records");
    return Promise.all(keys.map((key) => promise<RelayRecord | undefined>(records.get(utf8(key)))));
  }

  async list(prefix: string, after: string, limit: number): Promise<RelayRecord[]> {
    const wanted = range(prefix, after);
    if (!wanted) return [];
    const transaction = await this.#database.transaction(["records"], "readonly");
    return promise<RelayRecord[]>(transaction.objectStore("records").getAll(wanted, limit));
  }

  async commit(writes: readonly RelayWrite[]): Promise<boolean> {
    const transaction = await this.#database.transaction(["records", "sent"], "readwrite");
    const records = transaction.objectStore("records");
    const rows = await Promise.all(writes.map(({ key }) => promise<RelayRecord | undefined>(records.get(utf8(key)))));
    if (writes.some(({ expected }, at) => (rows[at]?.rev ?? 0) !== expected)) return false;
    for (const { key, expected, value } of writes) {
      if (value === undefined) records.delete(utf8(key));
      else records.put({ key, rev: expected + 1, value }, utf8(key));
    }
    const made = writes.map(({ key, expected, value }) => ({ key, revision: expected + 1, ...(value === undefined ? {} : { value }) }));
    await this.#note(transaction, { writes: made });
    return true;
  }

  async putParts(item: string, parts: readonly (readonly [name: string, bytes: Uint8Array])[]): Promise<void> {
    const transaction = await this.#database.transaction(["parts", "sent"], "readwrite");
    const store = transaction.objectStore("parts");
    for (const [name, bytes] of parts) store.put(bytes.slice(), [item, name]);
    const size = parts.reduce((sum, [, bytes]) => sum + bytes.length, 0);
    await this.#note(transaction, { writes: [], parts: { item, names: parts.map(([name]) => name), bytes: size } });
  }

  async getParts(item: string, names: readonly string[]): Promise<(Uint8Array<ArrayBuffer> | undefined)[]> {
    const store = (await this.#database.transaction(["parts"], "readonly")).objectStore("parts");
    return Promise.all(names.map((name) => promise<Uint8Array<ArrayBuffer> | undefined>(store.get([item, name]))));
  }

  /** The names of a file's parts: `head`, `hashes`, and chunks by their number. */
  async partNames(item: string): Promise<string[]> {
    const store = (await this.#database.transaction(["parts"], "readonly")).objectStore("parts");
    const keys = await promise(store.getAllKeys(IDBKeyRange.bound([item], [item, []])));
    return (keys as [string, string][]).map(([, name]) => name);
  }

  async countParts(item: string): Promise<number> {
    return (await this.partNames(item)).length;
  }

  async dropParts(item: string): Promise<void> {
    const transaction = await this.#database.transaction(["parts", "sent"], "readwrite");
    transaction.objectStore("parts").delete(IDBKeyRange.bound([item], [item, []]));
    await this.#note(transaction, { writes: [], parts: { item, names: [], bytes: 0, dropped: true } });
  }

  /** Notes what was sent in the same transaction as the writing: one is not there without the other. */
  async #note(transaction: IDBTransaction, what: Pick<Sent, "writes" | "parts">): Promise<void> {
    const note = { when: Date.now(), during: this.during(), ...what };
    const done = committed(transaction);
    const number = Number(await promise(transaction.objectStore("sent").add(note)));
    await done;
    this.sent.value = [...this.sent.value, { number, ...note }];
    this.#tabs.postMessage("sent");
  }
}
