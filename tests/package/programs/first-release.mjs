// What released versions stored still opens: each fixture is put where that version left it, and is gone on from.
import { Regrant } from "regrant";

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Makes a database as the package has them. `make` makes its object stores, `fill` gets them by their names. */
function database(name, version, make, fill) {
  return new Promise((done, failed) => {
    const request = indexedDB.open(name, version);
    request.onerror = () => failed(request.error);
    request.onupgradeneeded = () => make(request.result);
    request.onsuccess = () => {
      const transaction = request.result.transaction([...request.result.objectStoreNames], "readwrite");
      fill((store) => transaction.objectStore(store));
      transaction.oncomplete = () => done(request.result.close());
      transaction.onabort = () => failed(transaction.error);
    };
  });
}

const asKey = ({ format, material, algorithm, usages }) => crypto.subtle.importKey(format, bytesOf(material), algorithm, false, usages);

async function inBrowser({ name, relay, indexeddb, text }) {
  const relays = (made) => {
    made.createObjectStore("records", { keyPath: "key" }).createIndex("index", "index", { multiEntry: true });
    made.createObjectStore("counter");
  };
  await database(`regrant/${name}/relay`, 2, relays, (store) => {
    for (const record of relay.records) store("records").put(record);
    store("counter").put(relay.counter, 0);
  });
  const entry = async ({ key, text, keys }) => [key, { text, keys: await Promise.all(keys.map(asKey)) }];
  const entries = await Promise.all(indexeddb.map(entry));
  await database(`regrant/${name}/store`, 1, (made) => made.createObjectStore("records"), (store) => {
    for (const [key, value] of entries) store("records").put(value, key);
  });
  localStorage.setItem(`regrant/${name}/store`, text);
  return { kinds: { indexeddb: "indexeddb", localstorage: "localstorage" } };
}

async function inNode({ name, relay, text }) {
  // Not literal, so that bundlers for browsers do not look for them.
  const builtin = (module) => import(/* @vite-ignore */ `node:${module}`);
  const [fs, os, path] = await Promise.all(["fs", "os", "path"].map(builtin));
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "regrant-fixture-"));
  const header = JSON.stringify({ regrant: "relay", format: 2, id: "00000000-0000-4000-8000-000000000000" });
  const all = JSON.stringify({ by: "recorded", from: 0, to: relay.counter, set: relay.records });
  fs.writeFileSync(path.join(directory, "relay.jsonl"), `${header}\n${all}\n`);
  fs.writeFileSync(path.join(directory, `${name}.store.json`), text);
  const records = new Map(Object.entries(JSON.parse(text).records));
  const object = { get: async (key) => records.get(key), write: async (changes) => changes.forEach(([key, text]) => records.set(key, text)) };
  return { relay: { directory }, kinds: { directory: { directory }, object }, remove: () => fs.rmSync(directory, { recursive: true }) };
}

export default async function ({ equal, fixtures, ok, place, same, vault }) {
  const all = await fixtures();
  ok(all.length > 0, "there are no fixtures");
  for (const fixture of all) {
    const { name, vaults, item } = fixture;
    const { relay, kinds, remove } = await (place === "browser" ? inBrowser : inNode)(fixture);
    for (const [kind, store] of Object.entries(kinds)) {
      const regrant = await Regrant.open({ application: "regrant", relayId: `embedded:${name}`, name, store, ...(relay && { relay }) });
      const alice = await regrant.resume();
      same([alice.login, alice.locked], ["alice", kind !== "indexeddb"], kind);
      if (alice.locked) await alice.unlock({ vaultSecret: vaults.alice });
      const opened = await alice.decrypt(bytesOf(item));
      same([opened.data, opened.metadata, opened.author], [{ written: "by the first release" }, { note: "sealed" }, { login: "alice", verified: true, by: "grant" }]);
      equal(await alice.trust.state("bob"), "verified", `${kind}: what was remembered`);
      // It goes on from there.
      const bob = await regrant.connect({ login: "bob", vaultSecret: vaults.bob });
      equal((await bob.decrypt(bytesOf(item))).author.login, "alice");
      const { bytes } = await alice.encrypt("and goes on", { shareWith: ["bob"] });
      equal((await bob.decrypt(bytes)).data, "and goes on");
      await alice.unlock({ vaultSecret: vaults.alice });
      await alice.changeSecret(vault(kind));
      await alice.changeSecret({ vaultSecret: vaults.alice }, vault(kind));
      await regrant.close();
      equal((await (await Regrant.open({ application: "regrant", relayId: `embedded:${name}`, name, store, ...(relay && { relay }) })).resume("alice")).locked, kind !== "indexeddb");
    }
    remove?.();
  }
}
