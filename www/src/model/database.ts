// A small database of the page's own: the encrypted files that it keeps, as any server would, and what it must
// remember over a reload. It never sees a key or a readable file.

const NAME = "regrant-demo-page";
const STORES = ["files", "notes"] as const;
type Store = (typeof STORES)[number];

function promise<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's database failed"));
  });
}

let opened: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  opened ??= (async () => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => STORES.forEach((store) => request.result.createObjectStore(store));
    const database = await promise(request);
    // Another tab starts over: an open connection would block it.
    database.onversionchange = close;
    return database;
  })();
  return opened;
}

function close(): void {
  void opened?.then((database) => database.close());
  opened = undefined;
}

async function store(name: Store, mode: IDBTransactionMode): Promise<IDBObjectStore> {
  return (await database()).transaction(name, mode).objectStore(name);
}

export const put = async (name: Store, key: string, value: unknown) =>
  promise((await store(name, "readwrite")).put(value, key));

export const get = async <T>(name: Store, key: string): Promise<T | undefined> =>
  promise<T | undefined>((await store(name, "readonly")).get(key));

export const all = async <T>(name: Store): Promise<T[]> => promise<T[]>((await store(name, "readonly")).getAll());

export const remove = async (name: Store, key: string) => promise((await store(name, "readwrite")).delete(key));

/** Deletes this database, and every other whose name begins so. */
export async function wipe(prefix: string): Promise<void> {
  close();
  const names = (await indexedDB.databases()).flatMap(({ name }) => (name?.startsWith(prefix) ? [name] : []));
  await Promise.all([NAME, ...names].map((name) => promise(indexedDB.deleteDatabase(name))));
}
