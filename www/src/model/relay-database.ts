// What the relay of this demo keeps, in a database of this page's own: records, the names under which they are found, and
// the parts of files. An application's own storage for the package's embedded relay looks like this.
import type { RelayCommit, RelayQuestion, RelayRecord, RelayStorage } from "regrant";
import { Database, committed, promise } from "./database.js";

/** A record as it rests. Its names are in a store of their own, each with the record's key. */
interface Row extends RelayRecord {
  index: readonly string[];
}

const RECORDS = ["records", "names", "counter"];
/** The counter is one number: each write takes the next. */
const ONLY = 0;

/** Everything that begins with `prefix` and comes after `after`; `undefined` if that lies behind it all. */
function range(prefix: string, after: string): IDBKeyRange | undefined {
  const from = after < prefix ? prefix : after;
  if (prefix === "") return IDBKeyRange.lowerBound(from, from === after);
  // What comes after everything that begins so.
  const last = prefix.length - 1;
  const end = prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
  return from < end ? IDBKeyRange.bound(from, end, from === after, true) : undefined;
}

const shown = (row: Row | undefined): RelayRecord | undefined => row && { key: row.key, rev: row.rev, value: row.value };

/** The answer to a question of the rules'. */
async function answer(transaction: IDBTransaction, question: RelayQuestion) {
  const records: IDBObjectStore = transaction.objectStore("records");
  const row = async (key: string) => shown(await promise<Row | undefined>(records.get(key)));
  if ("record" in question) return row(question.record);
  if ("head" in question) return (await promise<number | undefined>(transaction.objectStore("counter").get(ONLY))) ?? 0;
  const { after, limit } = question;
  const wanted = range("list" in question ? question.list : "index" in question ? question.index : question.names, after);
  // To IndexedDB a limit of none is no limit.
  if (!wanted || limit === 0) return [];
  if ("list" in question) return (await promise<Row[]>(records.getAll(wanted, limit))).map((row) => shown(row) as RelayRecord);
  const store = transaction.objectStore("names");
  const [names, keys] = await Promise.all([promise(store.getAllKeys(wanted, limit)), promise<string[]>(store.getAll(wanted, limit))]);
  const found = await Promise.all(keys.map(async (key, at) => ({ ...((await row(key)) as RelayRecord), name: String(names[at]) })));
  return "index" in question ? found : found.map(({ name, key, rev }) => ({ name, key, rev }));
}

/** Whether what a commit was decided on is still so. */
async function isStillSo(transaction: IDBTransaction, { records, lists }: RelayCommit): Promise<boolean> {
  for (const [record, rev] of records) {
    const found = (await answer(transaction, { record })) as RelayRecord | undefined;
    if ((found?.rev ?? 0) !== rev) return false;
  }
  for (const { rows, ...question } of lists) {
    const found = (await answer(transaction, question as RelayQuestion)) as (RelayRecord & { name?: string })[];
    const same = found.length === rows.length && rows.every(([name, rev], at) => (found[at]?.name ?? found[at]?.key) === name && found[at]?.rev === rev);
    if (!same) return false;
  }
  return true;
}

export class RelayDatabase implements RelayStorage {
  #database: Database;

  /** @param written called when something was written */
  constructor(
    name: string,
    readonly written: () => void,
  ) {
    this.#database = new Database(name, (database) => {
      database.createObjectStore("records", { keyPath: "key" });
      for (const store of ["names", "counter", "parts"]) database.createObjectStore(store);
    });
  }

  /** Every record, for the page to show. */
  async records(): Promise<RelayRecord[]> {
    const transaction = await this.#database.transaction(["records"], "readonly");
    return promise<RelayRecord[]>(transaction.objectStore("records").getAll());
  }

  delete(): Promise<void> {
    return this.#database.delete();
  }

  // ---- what the rules ask ----

  async read(questions: readonly RelayQuestion[]) {
    const transaction = await this.#database.transaction(RECORDS, "readonly");
    return Promise.all(questions.map((question) => answer(transaction, question)));
  }

  /** All of it in one transaction, so that nothing comes between looking and writing. */
  async commit(commit: RelayCommit): Promise<boolean> {
    const transaction = await this.#database.transaction(RECORDS, "readwrite");
    if (!(await isStillSo(transaction, commit))) return false;
    const done = committed(transaction);
    const store = (name: string) => transaction.objectStore(name);
    let rev = (await answer(transaction, { head: "" })) as number;
    const write = async (key: string, value: string | undefined, index: readonly string[] = []) => {
      const before = await promise<Row | undefined>(store("records").get(key));
      for (const name of before?.index ?? []) {
        // One that another record took over meanwhile is that one's.
        if ((await promise(store("names").get(name))) === key) store("names").delete(name);
      }
      if (value === undefined) store("records").delete(key);
      else {
        store("records").put({ key, rev, value, index } satisfies Row);
        for (const name of index) store("names").put(key, name);
      }
    };
    for (const { key, value, index } of commit.writes) {
      rev++;
      await write(key, value, index);
    }
    for (const { log, value, index } of commit.appends) {
      rev++;
      await write(`${log}${String(rev).padStart(16, "0")}`, value, index);
    }
    store("counter").put(rev, ONLY);
    await done;
    this.written();
    return true;
  }

  async putParts(item: string, parts: readonly (readonly [name: string, bytes: Uint8Array])[]): Promise<void> {
    const transaction = await this.#database.transaction(["parts"], "readwrite");
    for (const [name, bytes] of parts) transaction.objectStore("parts").put(bytes.slice(), [item, name]);
    await committed(transaction);
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
    const transaction = await this.#database.transaction(["parts"], "readwrite");
    transaction.objectStore("parts").delete(IDBKeyRange.bound([item], [item, []]));
    await committed(transaction);
  }
}
