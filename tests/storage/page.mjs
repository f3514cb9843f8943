// What the tests of the storage in IndexedDB have a page do (browser.test.mjs). Each gets a name that no other has.
import { indexedDbStorage } from "../../pkg-template/relay/indexed-db.js";
import { code, equal, ok, same } from "../package/runner/assert.mjs";
import * as suite from "./suite.mjs";

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Runs `work` with a method replaced. */
async function replaced(object, name, other, work) {
  const before = object[name];
  object[name] = other(before);
  try {
    return await work();
  } finally {
    object[name] = before;
  }
}

/** A database as version 1 had it, and a connection that closes when asked to, or does not. */
async function older(database, { closes = true } = {}) {
  const request = indexedDB.open(database, 1);
  request.onupgradeneeded = () => request.result.createObjectStore("records");
  const connection = await done(request);
  await done(connection.transaction("records", "readwrite").objectStore("records").put({ key: "a", rev: 1, value: "old" }, "a"));
  if (closes) connection.onversionchange = () => connection.close();
  return connection;
}

const value = async (storage, key) => (await storage.read([{ record: key }]))[0]?.value;
const write = (storage, key, value) => storage.commit({ records: [], lists: [], writes: [{ key, value }], appends: [] });
const bytes = (length) => Uint8Array.from({ length }, (_, n) => Math.imul(n, 2654435761) >>> 24);

const tests = {
  "what an older version left is dropped, while another tab has it open": async (name) => {
    await older(`regrant/${name}/relay`);
    await older(`regrant/${name}/files`);
    const storage = indexedDbStorage(name);
    same(await storage.read([{ list: "", after: "", limit: 9 }, { head: "" }]), [[], 0]);
    same([await storage.countParts("a"), await storage.countParts("")], [0, 0]);
    await suite.count(storage, "x", 3);
    equal(await value(storage, "x"), "3");
  },

  "a tab that keeps an older version open does not make it wait for ever": async (name) => {
    const connection = await older(`regrant/${name}/relay`, { closes: false });
    const storage = indexedDbStorage(name);
    const hurried = (wait) => (work, milliseconds) => wait(work, milliseconds / 100);
    const { cause } = await replaced(globalThis, "setTimeout", hurried, () => code(storage.read([{ head: "" }]), "ERR_RELAY_UNAVAILABLE"));
    ok(/another tab/.test(cause.message), cause.message);
    connection.close();
    equal(await write(storage, "x", "1"), true);
    // What came of waiting no longer is not in the way of anybody.
    await done(indexedDB.deleteDatabase(`regrant/${name}/relay`));
  },

  "what a newer version left is told of, and stays": async (name) => {
    const request = indexedDB.open(`regrant/${name}/relay`, 99);
    (await done(request)).close();
    await code(indexedDbStorage(name).read([{ head: "" }]), "ERR_UNSUPPORTED_VERSION");
    const [{ version }] = (await indexedDB.databases()).filter((database) => database.name === `regrant/${name}/relay`);
    equal(version, 99);
  },

  "whoever deletes it is not kept waiting, and it goes on anew": async (name) => {
    const storage = indexedDbStorage(name);
    await write(storage, "x", "1");
    await storage.putParts("item", [["head", bytes(3)]]);
    for (const what of ["relay", "files"]) {
      const request = indexedDB.deleteDatabase(`regrant/${name}/${what}`);
      await new Promise((resolve, reject) => {
        request.onsuccess = resolve;
        request.onblocked = () => reject(new Error(`${what} is open`));
      });
    }
    equal(await value(storage, "x"), undefined);
    equal(await write(storage, "x", "2"), true);
    equal(await storage.countParts("item"), 0);
  },

  "a connection that is lost is opened again": async (name) => {
    const storage = indexedDbStorage(name);
    let opened = 0;
    const counting = (open) => (...given) => (opened++, open.apply(indexedDB, given));
    await replaced(indexedDB, "open", counting, async () => {
      await Promise.all([write(storage, "x", "1"), write(storage, "y", "1"), value(storage, "x")]);
      equal(opened, 1, "one for all that begin at once");
      // As browsers tell of it: when a transaction is to begin ...
      let lost = 1;
      const closed = (transaction) => function (...given) {
        if (lost-- > 0) throw new DOMException("The database connection is closing.", "InvalidStateError");
        return transaction.apply(this, given);
      };
      equal(await replaced(IDBDatabase.prototype, "transaction", closed, () => value(storage, "x")), "1");
      equal(opened, 2);
      lost = 2;
      await replaced(IDBDatabase.prototype, "transaction", closed, () => code(value(storage, "x"), "ERR_RELAY_UNAVAILABLE"));
      equal(opened, 3);
      // ... or in the middle of one, in which case it is not known what became of it.
      const gone = () => () => { throw new DOMException("Connection to Indexed Database server lost. Refresh the page to try again", "UnknownError"); };
      await replaced(IDBObjectStore.prototype, "get", gone, () => code(value(storage, "x"), "ERR_RELAY_UNAVAILABLE"));
      equal(await value(storage, "x"), "1");
      equal(opened, 5);
    });
  },

  "what does not fit is told of, and nothing of it is written": async (name) => {
    const storage = indexedDbStorage(name);
    await write(storage, "x", "1");
    const full = () => new DOMException("full", "QuotaExceededError");
    const much = { records: [], lists: [], writes: [{ key: "x", value: "2" }, { key: "y", value: "2", index: ["n/1"] }], appends: [{ log: "log/", value: "2" }] };
    // A disk may turn out to be full with any write, or only when everything is to be committed.
    let left;
    const putting = (put) => function (...given) {
      if (left-- === 0) throw full();
      return put.apply(this, given);
    };
    const committing = () => function () {
      Object.defineProperty(this, "error", { value: full() });
      this.abort();
    };
    for (left of [0, 2, 3]) await replaced(IDBObjectStore.prototype, "put", putting, () => code(storage.commit(much), "ERR_QUOTA"));
    await replaced(IDBTransaction.prototype, "commit", committing, () => code(storage.commit(much), "ERR_QUOTA"));
    await replaced(IDBTransaction.prototype, "commit", committing, () => code(storage.putParts("item", [["head", bytes(3)]]), "ERR_QUOTA"));
    same(await storage.read([{ list: "", after: "", limit: 9 }, { index: "", after: "", limit: 9 }, { head: "" }]), [[{ key: "x", rev: 1, value: "1" }], [], 1]);
    equal(await storage.countParts("item"), 0);
    equal(await storage.commit(much), true);
  },

  "what is written is on the disk before it is said to be": async (name) => {
    const storage = indexedDbStorage(name);
    const asked = [];
    const noting = (transaction) => function (stores, mode, how) {
      if (mode === "readwrite") asked.push(how?.durability);
      return transaction.call(this, stores, mode, how);
    };
    await replaced(IDBDatabase.prototype, "transaction", noting, async () => {
      await write(storage, "x", "1");
      await storage.putParts("item", [["head", bytes(3)]]);
      await storage.dropParts("item");
    });
    same(asked, ["strict", "strict", "strict"]);
  },
};

export const names = { ...suite.names, own: Object.keys(tests) };

/** Runs a test of this file or of the suite. */
export async function run(test, name) {
  if (tests[test]) return tests[test](name);
  const reopen = async () => indexedDbStorage(name);
  return suite.run(test, await reopen(), reopen);
}

export const count = (name, times) => suite.count(indexedDbStorage(name), "counter", times);
export const counted = (name) => value(indexedDbStorage(name), "counter");

/** Writes more and more until there is no room: whether that is told of, and what was written before is still there. */
export async function fill(name) {
  const storage = indexedDbStorage(name);
  // What cannot be compressed, a MiB at a time.
  const pad = () => Array.from({ length: 32 }, () => String.fromCharCode(...crypto.getRandomValues(new Uint16Array(1 << 14)))).join("");
  for (let n = 0; n < 30; n++) {
    try {
      await write(storage, `pad/${n}`, pad());
    } catch (error) {
      const [rows] = await storage.read([{ list: "", after: "", limit: 1000 }]);
      return { code: error.code, written: n, there: rows.length };
    }
  }
  return { code: "there was room" };
}
