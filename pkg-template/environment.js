// What there is around us: WebCrypto, IndexedDB, workers. Nothing is touched before it is asked for.

/** Whether a global is there; reading one may throw in a sandbox. */
export function has(name) {
  try {
    return globalThis[name] !== undefined && globalThis[name] !== null;
  } catch {
    return false;
  }
}

/** Whether private keys can rest here unreadable: IndexedDB must keep a non-extractable key. */
async function keepsKeys() {
  if (!has("indexedDB") || !globalThis.crypto?.subtle) return false;
  const name = `regrant/support/${crypto.randomUUID()}`;
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  try {
    const request = indexedDB.open(name);
    request.onupgradeneeded = () => request.result.createObjectStore("keys");
    const database = await done(request);
    try {
      const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
      const put = database.transaction("keys", "readwrite").objectStore("keys").put(key, 0);
      await done(put);
      return true;
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
  const indexeddb = has("indexedDB");
  const report = {
    wasm: compiles(),
    webcrypto,
    ed25519: webcrypto && (await signsWithEd25519()),
    indexeddb,
    keysAtRest: await keepsKeys(),
    workers: has("Worker"),
    channels: has("BroadcastChannel"),
    engine: webcrypto ? "webcrypto" : "rust",
    store: indexeddb ? "indexeddb" : "memory",
    relay: indexeddb ? "indexeddb" : "memory",
  };
  const notes = [
    [report.wasm, "WebAssembly cannot be compiled: a content security policy must allow 'wasm-unsafe-eval'."],
    [report.webcrypto, 'crypto.subtle is missing: serve the page over HTTPS, or open with engine: "rust", which is slower.'],
    [report.ed25519 || !webcrypto, "There are no Ed25519 keys here: signatures are made in WebAssembly, and the seed rests sealed."],
    [report.indexeddb, "IndexedDB is missing: keys and the embedded relay stay in memory, and are gone with it."],
    [report.keysAtRest || !indexeddb, "IndexedDB does not keep keys here: a session that is resumed is locked until unlock()."],
    [report.workers || has("process"), "Workers are missing: deriving from a password blocks the thread for about a second."],
    [report.channels, "BroadcastChannel is missing: changes made in other tabs are seen when something is asked."],
  ];
  return { ...report, notes: notes.filter(([fine]) => !fine).map(([, note]) => note) };
}
