// What there is around us: WebCrypto, IndexedDB, localStorage, workers. Nothing is touched before it is asked for, and
// nothing that was found is remembered.

/** Whether a global is there; reading one may throw in a sandbox. */
export function has(name) {
  try {
    return globalThis[name] !== undefined && globalThis[name] !== null;
  } catch {
    return false;
  }
}

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/**
 * Whether IndexedDB opens databases: some private windows and sandboxes have it and refuse to. Only a plain refusal is
 * a no; what fails otherwise may hold data, and must be told of when it is used. Leaves no database behind.
 */
export async function keepsDatabases() {
  if (!has("indexedDB")) return false;
  try {
    const request = indexedDB.open("regrant/probe");
    // Taken back before it is made: whoever gets this far may make one.
    request.onupgradeneeded = () => request.transaction.abort();
    (await done(request)).close();
    return true;
  } catch (error) {
    // Where it was taken back WebKit keeps an empty one.
    if (error?.name === "AbortError") await done(indexedDB.deleteDatabase("regrant/probe")).catch(() => {});
    return !["SecurityError", "InvalidStateError", "NotSupportedError", "TypeError"].includes(error?.name);
  }
}

/** Whether localStorage keeps text. Pages have it, workers and Node do not. A full one does; one without any room does not. */
export function keepsItems() {
  const item = `regrant/probe/${Math.random()}`;
  try {
    if (!(globalThis instanceof globalThis.Window)) return false;
    localStorage.setItem(item, "");
    localStorage.removeItem(item);
    return true;
  } catch (error) {
    return error?.name === "QuotaExceededError" && localStorage.length > 0;
  }
}

/** Whether the browser promised not to clear what is stored here when space gets short. */
async function isPersisted() {
  try {
    return (await navigator.storage.persisted()) === true;
  } catch {
    return false;
  }
}

/** Asks the browser for that promise: see index.d.ts. */
export async function requestPersistence() {
  try {
    return (await navigator.storage.persist()) === true;
  } catch {
    return false;
  }
}

/** Whether private keys can rest here unreadable: IndexedDB must keep a non-extractable key, and give it back. */
async function keepsKeys() {
  if (!globalThis.crypto?.subtle || !(await keepsDatabases())) return false;
  const name = `regrant/support/${crypto.randomUUID()}`;
  try {
    const request = indexedDB.open(name);
    request.onupgradeneeded = () => request.result.createObjectStore("keys");
    const database = await done(request);
    try {
      const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
      const keys = database.transaction("keys", "readwrite").objectStore("keys");
      await done(keys.put(key, 0));
      return (await done(keys.get(0))) instanceof CryptoKey;
    } finally {
      database.close();
      await done(indexedDB.deleteDatabase(name));
    }
  } catch {
    return false;
  }
}

async function signsWithEd25519() {
  try {
    await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    return true;
  } catch {
    return false;
  }
}

function compiles() {
  try {
    return new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)) instanceof WebAssembly.Module;
  } catch {
    return false;
  }
}

/** What this environment can do, and what is used instead: see index.d.ts. */
export async function support() {
  const webcrypto = Boolean(globalThis.crypto?.subtle);
  const indexeddb = await keepsDatabases();
  const localstorage = keepsItems();
  const report = {
    wasm: compiles(),
    webcrypto,
    ed25519: webcrypto && (await signsWithEd25519()),
    indexeddb,
    localstorage,
    persisted: await isPersisted(),
    keysAtRest: await keepsKeys(),
    workers: has("Worker"),
    channels: has("BroadcastChannel"),
    engine: webcrypto ? "webcrypto" : "rust",
    store: indexeddb ? "indexeddb" : localstorage ? "localstorage" : "memory",
    relay: indexeddb ? "indexeddb" : "memory",
  };
  const notes = [
    [report.wasm, "WebAssembly cannot be compiled: a content security policy must allow 'wasm-unsafe-eval'."],
    [report.webcrypto, 'crypto.subtle is missing: serve the page over HTTPS, or open with engine: "rust", which is slower.'],
    [report.ed25519 || !webcrypto, "There are no Ed25519 keys here: signatures are made in WebAssembly, and the seed rests sealed."],
    [indexeddb, "IndexedDB is missing, or refuses to open: the embedded relay stays in memory, and is gone with it."],
    [indexeddb || !localstorage, "The store is in localStorage, which cannot keep keys: a session that is resumed is locked until unlock()."],
    [indexeddb || localstorage, "Nothing can be stored here: sessions are in memory, and gone with it."],
    [localstorage || !indexeddb, "localStorage is missing; nothing needs it where there is IndexedDB."],
    [report.keysAtRest || !indexeddb, "IndexedDB does not keep keys here: a session that is resumed is locked until unlock()."],
    [report.persisted || report.store === "memory", "The browser may clear what is stored here when space gets short: requestPersistence() asks it not to."],
    [report.workers || has("process"), "Workers are missing: deriving from a password blocks the thread for about a second."],
    [report.channels, "BroadcastChannel is missing: changes made in other tabs are seen when something is asked."],
  ];
  return { ...report, notes: notes.filter(([fine]) => !fine).map(([, note]) => note) };
}
