// The same jobs done plainly with `crypto.subtle`: a fresh AES key for each item, and RSA-OAEP for each reader.
const RSA = { name: "RSA-OAEP", hash: "SHA-256" };

export const readers = (count) =>
  Promise.all(
    Array.from({ length: count }, () =>
      crypto.subtle.generateKey({ ...RSA, modulusLength: 3072, publicExponent: new Uint8Array([1, 0, 1]) }, false, ["encrypt", "decrypt"]),
    ),
  );

export async function seal(data, pairs) {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, data);
  const raw = await crypto.subtle.exportKey("raw", key);
  const wrapped = await Promise.all(pairs.map(({ publicKey }) => crypto.subtle.encrypt(RSA, publicKey, raw)));
  return { iv, sealed, wrapped };
}

/** What giving access to one item costs: its key unwrapped, and wrapped for somebody else. */
export async function regrant(wrapped, from, to) {
  const raw = await crypto.subtle.decrypt(RSA, from.privateKey, wrapped);
  return crypto.subtle.encrypt(RSA, to.publicKey, raw);
}

export const wrapOne = (to) => crypto.subtle.encrypt(RSA, to.publicKey, crypto.getRandomValues(new Uint8Array(32)));

/** A database with one object store. */
export function database(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("records");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const done = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });

/** One record for each item, in one transaction. */
export async function putAll(db, records) {
  const transaction = db.transaction("records", "readwrite");
  const store = transaction.objectStore("records");
  records.forEach((record, at) => store.put(record, `item/${at}`));
  await done(transaction);
}

export async function getAll(db) {
  const request = db.transaction("records").objectStore("records").getAll();
  await new Promise((resolve, reject) => ((request.onsuccess = resolve), (request.onerror = reject)));
  return request.result;
}
