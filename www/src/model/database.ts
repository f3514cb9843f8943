// This page's databases in the browser: opened when first needed, closed when another tab deletes them.

/** Of all of them. What an older page left is dropped. */
const VERSION = 2;

export function promise<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's database failed"));
  });
}

/** Resolves once a transaction's writes are there. */
export function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("the browser's database gave up"));
  });
}

export class Database {
  #opened: Promise<IDBDatabase> | undefined;

  /** @param make makes the stores of a database that is new */
  constructor(
    readonly name: string,
    readonly make: (database: IDBDatabase) => void,
  ) {}

  async transaction(stores: string[], mode: IDBTransactionMode): Promise<IDBTransaction> {
    this.#opened ??= this.#open();
    return (await this.#opened).transaction(stores, mode);
  }

  async #open(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.name, VERSION);
    request.onupgradeneeded = () => {
      for (const store of [...request.result.objectStoreNames]) request.result.deleteObjectStore(store);
      this.make(request.result);
    };
    const database = await promise(request);
    // Another tab starts over: an open connection would block it.
    database.onversionchange = () => this.close();
    return database;
  }

  close(): void {
    void this.#opened?.then((database) => database.close());
    this.#opened = undefined;
  }

  async delete(): Promise<void> {
    this.close();
    await promise(indexedDB.deleteDatabase(this.name));
  }
}

const STORES = ["files", "notes"] as const;
type Store = (typeof STORES)[number];

/** Which files there are, and what the page must remember over a reload. It never sees a key or a readable file. */
const page = new Database("regrant-demo-page", (database) => STORES.forEach((store) => database.createObjectStore(store)));

const store = async (name: Store, mode: IDBTransactionMode) => (await page.transaction([name], mode)).objectStore(name);

export const put = async (name: Store, key: string, value: unknown) =>
  promise((await store(name, "readwrite")).put(value, key));

export const get = async <T>(name: Store, key: string): Promise<T | undefined> =>
  promise<T | undefined>((await store(name, "readonly")).get(key));

export const all = async <T>(name: Store): Promise<T[]> => promise<T[]>((await store(name, "readonly")).getAll());

/** Deletes the page's database, and every other whose name begins so. */
export async function wipe(prefix: string): Promise<void> {
  await page.delete();
  const names = (await indexedDB.databases()).flatMap(({ name }) => (name?.startsWith(prefix) ? [name] : []));
  await Promise.all(names.map((name) => promise(indexedDB.deleteDatabase(name))));
}
