// What rests in the browser: a session resumes from it, nobody can read keys or content there, and disconnecting
// leaves nothing.
import { Regrant, generateKeyPair } from "regrant";
import { spellings } from "../places.mjs";

export const variants = ["programs", "inline"];
export const where = ["browser"];

/** Every record of every database, with its key. */
async function everything() {
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const out = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const records = database.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([done(records.getAllKeys()), done(records.getAll())]);
      keys.forEach((key, at) => out.push({ database: name, key, value: values[at] }));
    }
    database.close();
  }
  return out;
}

/** All the text, numbers and bytes in a value, and its CryptoKeys. */
function walk(value, into = { text: "", keys: [] }) {
  if (value instanceof CryptoKey) into.keys.push(value);
  else if (ArrayBuffer.isView(value)) into.text += `\n${new TextDecoder("latin1").decode(value)}`;
  else if (value instanceof ArrayBuffer) walk(new Uint8Array(value), into);
  else if (typeof value === "object" && value !== null) Object.entries(value).forEach((entry) => entry.forEach((part) => walk(part, into)));
  else into.text += `\n${value}`;
  return into;
}

const privateKey = (hex) =>
  crypto.subtle.importKey("pkcs8", Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16)), { name: "RSA-OAEP", hash: "SHA-256" }, true, ["decrypt"]);

export default async function ({ code, equal, ok, rejects, same, vault }) {
  const regrant = await Regrant.open({ application: "regrant", name: "rest" });
  const alice = await regrant.connect({ login: "alice", ...vault("secret") });
  await regrant.connect({ login: "bob", ...vault(2) });
  // A key pair whose private half is known here: 32 bytes out of its first prime are looked for, however written.
  const pair = await generateKeyPair({ modulusLength: 2048 });
  const carol = await regrant.connect({ login: "carol", keyPair: pair });
  await carol.encrypt("more", { shareWith: ["alice"] });
  const jwk = await crypto.subtle.exportKey("jwk", await privateKey(pair.privateKey));
  const prime = [...atob(jwk.p.replaceAll("-", "+").replaceAll("_", "/"))].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  ok(pair.privateKey.includes(prime), "the prime is in the key");
  const { bytes } = await alice.encrypt("PLAINTEXT", { shareWith: ["bob"], metadata: { note: "METADATA" } });
  await regrant.close();

  const again = await Regrant.open({ application: "regrant", name: "rest" });
  const last = await again.resume();
  equal(last.login, "carol");
  equal((await (await again.resume("bob")).decrypt(bytes)).data, "PLAINTEXT");
  const resumed = await again.resume("alice");
  same([resumed.login, resumed.isNew, resumed.locked, resumed.publicKey], ["alice", false, false, alice.publicKey]);
  equal((await resumed.decrypt(bytes)).data, "PLAINTEXT");
  await resumed.encrypt("more", { shareWith: ["bob"] });
  await code(resumed.identities.renewKeys(), "ERR_LOCKED");
  await code(resumed.changeSecret(vault(5)), "ERR_LOCKED");
  equal(await again.resume("dave"), null);
  equal(await (await Regrant.open({ application: "regrant", name: "other" })).resume(), null);

  const found = await everything();
  const { text, keys } = walk(found);
  for (const secret of ["PLAINTEXT", "METADATA", vault("secret").vaultSecret]) ok(!text.includes(secret), `${secret} can be read`);
  ok(!/"(d|p|q|dp|dq|qi)":/.test(text), "a private key can be read");
  for (const way of spellings(prime.slice(64, 128))) ok(!text.includes(way), "a private key can be read");
  ok(spellings(pair.publicKey.slice(200, 264)).some((way) => text.includes(way)), "what does rest in text is found");
  ok(keys.length > 0 && keys.every((key) => key.type === "public" || !key.extractable), "a key can be exported");
  for (const key of keys.filter((key) => key.type !== "public")) {
    for (const format of ["pkcs8", "jwk", "raw"]) await rejects(crypto.subtle.exportKey(format, key));
  }

  await resumed.lock();
  equal(walk((await everything()).filter(({ key }) => key === "session/alice")).keys.length, 0, "locked, and keys rest");
  const locked = await again.resume("alice");
  equal(locked.locked, true);
  await code(locked.decrypt(bytes), "ERR_LOCKED");
  await locked.unlock(vault("secret"));
  equal((await locked.decrypt(bytes)).data, "PLAINTEXT");
  await locked.identities.renewKeys();

  await locked.disconnect();
  await (await again.resume("bob")).disconnect();
  await (await again.resume("carol")).disconnect();
  const left = (await everything()).filter(({ database }) => !database.endsWith("/relay"));
  same(left, [], "something is left on this device");
  equal(walk(await everything()).keys.length, 0);
  equal(await again.resume(), null);

  // Without WebCrypto's keys nothing can rest unreadable: nothing rests, and a resumed session is locked.
  const rust = await Regrant.open({ application: "regrant", name: "rust", engine: "rust" });
  await rust.connect({ login: "carol", keyPair: pair });
  equal((await rust.resume()).locked, true);
  equal(walk((await everything()).filter(({ database }) => database.endsWith("/store"))).keys.length, 0);
}
