// The stores there are, as the tests see them: how to open a `Regrant` over each, and how to look at, and spoil, what is
// in it behind its back.

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Runs `work` with a method replaced. */
export async function replaced(object, name, other, work) {
  const before = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { configurable: true, writable: true, value: other(before?.value ?? object[name]) });
  try {
    return await work();
  } finally {
    if (before) Object.defineProperty(object, name, before);
    else delete object[name];
  }
}

/** The records of an IndexedDB store, and a way to change their text. */
const databases = (name) => {
  const open = async (use) => {
    const database = await done(indexedDB.open(`regrant/${name}/store`));
    try {
      return await use(database.transaction("records", "readwrite").objectStore("records"));
    } finally {
      database.close();
    }
  };
  return {
    async read() {
      const [keys, values] = await open((records) => Promise.all([done(records.getAllKeys()), done(records.getAll())]));
      return Object.fromEntries(keys.map((key, at) => [key, values[at].text]));
    },
    write: (key, text) =>
      open(async (records) => {
        if (text === null) return done(records.delete(key));
        return done(records.put({ keys: [], ...(await done(records.get(key))), text }, key));
      }),
    async whenFull(work) {
      const full = () => new DOMException("full", "QuotaExceededError");
      await replaced(IDBObjectStore.prototype, "put", () => () => { throw full(); }, work);
      // A disk may turn out to be full only when everything is to be committed.
      const committing = () => function () {
        Object.defineProperty(this, "error", { value: full() });
        this.abort();
      };
      return replaced(IDBTransaction.prototype, "commit", committing, work);
    },
  };
};

/** The same of a store that is one text. */
const oneText = (read, write) => ({
  read: async () => JSON.parse((await read()) ?? '{"records":{}}').records,
  async write(key, text) {
    const whole = JSON.parse(await read());
    if (text === null) delete whole.records[key];
    else whole.records[key] = text;
    await write(JSON.stringify(whole));
  },
  whole: { read, write },
});

const items = (name) => ({
  ...oneText(() => localStorage.getItem(`regrant/${name}/store`), (text) => localStorage.setItem(`regrant/${name}/store`, text)),
  whenFull: (work) =>
    replaced(Storage.prototype, "setItem", () => () => { throw new DOMException("full", "QuotaExceededError"); }, work),
});

/** A folder in Node; the names of modules are not literal, so that bundlers leave them alone. */
async function folder(name) {
  const builtin = (module) => import(/* @vite-ignore */ `node:${module}`);
  const [fs, os, path, module] = await Promise.all(["fs", "os", "path", "module"].map(builtin));
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "regrant-store-"));
  const file = path.join(directory, `${name}.store.json`);
  const read = () => (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined);
  const full = () => { throw Object.assign(new Error("no space left"), { code: "ENOSPC" }); };
  return {
    store: { directory },
    files: () => fs.readdirSync(directory),
    mode: () => fs.statSync(file).mode & 0o777,
    ...oneText(read, (text) => fs.writeFileSync(file, text)),
    whenFull: (work) =>
      // Writing a part and then failing is what a full disk does.
      replaced(fs.default, "fsyncSync", () => full, () => { module.syncBuiltinESMExports(); return work(); }).finally(() => module.syncBuiltinESMExports()),
    remove: () => fs.rmSync(directory, { recursive: true, force: true }),
  };
}

/** An object of the application's: the least that does. */
function object() {
  const records = new Map();
  let full = false;
  return {
    store: {
      get: async (key) => records.get(key),
      async write(changes) {
        if (full) throw new DOMException("full", "QuotaExceededError");
        for (const [key, text] of changes) text === null ? records.delete(key) : records.set(key, text);
      },
    },
    read: async () => Object.fromEntries(records),
    write: async (key, text) => void (text === null ? records.delete(key) : records.set(key, text)),
    async whenFull(work) {
      full = true;
      try {
        return await work();
      } finally {
        full = false;
      }
    },
  };
}

/** Every store that is there: `{ kind, store, keeps, read, write, whenFull, whole?, remove }`. */
export async function places(place, name) {
  const all = [{ kind: "object", keeps: false, ...object() }];
  if (place === "browser") {
    all.push({ kind: "indexeddb", store: "indexeddb", keeps: true, ...databases(name) });
    all.push({ kind: "localstorage", store: "localstorage", keeps: false, ...items(name) });
  } else {
    all.push({ kind: "directory", keeps: false, ...(await folder(name)) });
  }
  return all.map((one) => ({ remove() {}, ...one }));
}

/** Ways in which bytes may stand in text: hex, latin-1, and base64 at each of its three alignments. */
export function spellings(hex) {
  const raw = hex.match(/../g).map((pair) => String.fromCharCode(parseInt(pair, 16))).join("");
  const base64 = [0, 1, 2].map((skip) => btoa(raw.slice(skip, skip + 3 * Math.floor((raw.length - skip) / 3))));
  return [hex, hex.toUpperCase(), raw, ...base64, ...base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))];
}
