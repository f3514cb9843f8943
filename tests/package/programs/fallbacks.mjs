// Where the browser keeps no keys, or has no IndexedDB: what is used instead, and what `support()` says of it. Every
// environment is made in this one page, one after the other: nothing may be remembered of the one before.
import { Regrant, requestPersistence, support } from "regrant";
import { replaced } from "../places.mjs";

export const where = ["browser"];

const item = (name) => localStorage.getItem(`regrant/${name}/store`);
const throws = (name) => () => () => { throw new DOMException("no", name); };
const holdsKey = (value) => value?.keys?.some?.((key) => key instanceof CryptoKey) || value instanceof CryptoKey;

export default async function ({ code, equal, ok, same, vault, until }) {
  const who = { login: "alice", ...vault(1) };
  /** Connects and resumes with the default store: whether the resumed session is locked, or `null`. */
  const lockedAfter = async (name) => {
    const session = await (await Regrant.open({ application: "regrant", name })).connect(who);
    const { bytes } = await session.encrypt("x");
    const resumed = await (await Regrant.open({ application: "regrant", name })).resume();
    if (resumed?.locked) await resumed.unlock(vault(1));
    if (resumed) equal((await resumed.decrypt(bytes)).data, "x");
    return resumed && (await (await Regrant.open({ application: "regrant", name })).resume()).locked;
  };
  const says = async (expected, note) => {
    const report = await support();
    same(Object.keys(expected).map((key) => report[key]), Object.values(expected), "support()");
    ok(report.notes.some((text) => note.test(text)), `${note} is not in ${report.notes.join(" ")}`);
  };

  equal(await lockedAfter("keeps"), false);
  await says({ store: "indexeddb", keysAtRest: true, localstorage: true, relay: "indexeddb" }, /clear what is stored/);

  // Keys cannot be cloned into IndexedDB: everything else rests there.
  const refusing = (put) => function (value, ...rest) {
    if (holdsKey(value)) throw new DOMException("no", "DataCloneError");
    return put.call(this, value, ...rest);
  };
  await replaced(IDBObjectStore.prototype, "put", refusing, async () => {
    equal(await lockedAfter("lockdown"), true);
    await says({ store: "indexeddb", keysAtRest: false, relay: "indexeddb" }, /does not keep keys/);
    // Also a store that kept them before.
    const before = await (await Regrant.open({ application: "regrant", name: "keeps" })).resume();
    equal(before.locked, false);
    await (await Regrant.open({ application: "regrant", name: "keeps" })).connect(who);
    equal((await (await Regrant.open({ application: "regrant", name: "keeps" })).resume()).locked, true);
  });
  // They are taken, and come back as nothing.
  const losing = (put) => function (value, ...rest) {
    return put.call(this, value?.keys ? { ...value, keys: value.keys.map(() => null) } : holdsKey(value) ? null : value, ...rest);
  };
  await replaced(IDBObjectStore.prototype, "put", losing, async () => {
    equal(await lockedAfter("losing"), true);
    await says({ store: "indexeddb", keysAtRest: false }, /does not keep keys/);
  });
  for (const name of ["lockdown", "losing", "keeps"]) equal(item(name), null);
  await (await Regrant.open({ application: "regrant", name: "lockdown" })).connect(who);
  equal((await (await Regrant.open({ application: "regrant", name: "lockdown" })).resume()).locked, false, "what was so before is remembered");

  // IndexedDB refuses, as in some private windows, or is missing: localStorage, else memory.
  const gone = (work) => replaced(globalThis, "indexedDB", () => undefined, work);
  const refused = (error) => (work) => replaced(IDBFactory.prototype, "open", throws(error), work);
  const environments = { gone, SecurityError: refused("SecurityError"), InvalidStateError: refused("InvalidStateError") };
  for (const [name, within] of Object.entries(environments)) {
    await within(async () => {
      equal(await lockedAfter(name), true, name);
      ok(item(name), name);
      await says({ store: "localstorage", indexeddb: false, keysAtRest: false, relay: "memory" }, /cannot keep keys/);
      await code(Regrant.open({ application: "regrant", store: "indexeddb" }), "ERR_STORE_MISSING");
      await replaced(Storage.prototype, "setItem", throws("SecurityError"), async () => {
        await says({ store: "memory", localstorage: false }, /Nothing can be stored/);
        await code(Regrant.open({ application: "regrant", store: "localstorage" }), "ERR_STORE_MISSING");
        equal(await lockedAfter(`${name}-nothing`), null);
      });
      // Full is not missing, unless nothing at all has room.
      await replaced(Storage.prototype, "setItem", throws("QuotaExceededError"), () => says({ store: "localstorage" }, /cannot keep keys/));
    });
  }
  // A database that fails in any other way may hold keys: that is said, and no other store takes its place.
  await refused("UnknownError")(async () => {
    equal((await support()).store, "indexeddb");
    await code(Regrant.open({ application: "regrant", name: "broken" }).then((r) => r.connect(who)), "ERR_STORE_UNREADABLE");
    await code(Regrant.open({ application: "regrant", name: "broken" }).then((r) => r.resume()), "ERR_STORE_UNREADABLE");
    equal(item("broken"), null);
  });
  // One that a newer version made.
  const newer = indexedDB.open("regrant/newer/store", 2);
  await until(() => newer.readyState === "done");
  newer.result.close();
  await code(Regrant.open({ application: "regrant", name: "newer" }).then((r) => r.resume()), "ERR_UNSUPPORTED_VERSION");
  await code(Regrant.open({ application: "regrant", name: "newer" }).then((r) => r.connect(who, { reset: true })), "ERR_UNSUPPORTED_VERSION");
  equal(item("newer"), null);

  // WebKitGTK has no StorageManager, so there is nobody to ask; that is said, and nothing fails.
  if (!globalThis.StorageManager) {
    same([await requestPersistence(), (await support()).persisted], [false, false]);
    return;
  }
  // Persistence is asked for by the application alone: some browsers ask the user.
  let asked = 0;
  await replaced(StorageManager.prototype, "persist", () => async () => { asked++; return true; }, async () => {
    equal(await lockedAfter("keeps"), false);
    await support();
    equal(asked, 0);
    equal(await requestPersistence(), true);
    equal(asked, 1);
  });
  equal(typeof (await requestPersistence()), "boolean");
  await replaced(StorageManager.prototype, "persist", throws("TypeError"), async () => equal(await requestPersistence(), false));
  await replaced(StorageManager.prototype, "persisted", () => async () => true, async () => equal((await support()).persisted, true));
  await replaced(StorageManager.prototype, "persisted", throws("TypeError"), async () => equal((await support()).persisted, false));
}
