// A relay's records in IndexedDB, where all tabs of an origin have the same: one transaction a commit, and one a reading.
import { changesOf, isStillSo, questionsOf } from "./commit.js";
import { Database, done } from "./database.js";
import { guarded } from "./failure.js";

/** Of both databases. What an older one has is dropped: its parts of files would be nobody's without its records. */
const VERSION = 2;
/** The object stores of the records; the counter is one number under one key. */
const [RECORDS, COUNTER] = ["records", "counter"];
const STORES = [RECORDS, COUNTER];
const ONLY = 0;

/**
 * @param {string} name its databases are `regrant/{name}/relay`, and `regrant/{name}/files` for the parts of files
 * @returns {import("../index.js").RelayStorage}
 */
export function indexedDbStorage(name) {
  const records = new Database(`regrant/${name}/relay`, VERSION, (database) => {
    database.createObjectStore(RECORDS, { keyPath: "key" }).createIndex("index", "index", { multiEntry: true });
    database.createObjectStore(COUNTER);
  });
  const files = new Database(`regrant/${name}/files`, VERSION, (database) => database.createObjectStore(RECORDS));
  return guarded({
    // All requests are under way at once: a turn of the event loop for each would cost more than the reading.
    read: (questions) =>
      records.run("readonly", STORES, (transaction) => Promise.all(questions.map((question) => answer(transaction, question)))),

    commit: (commit) =>
      records.run("readwrite", STORES, async (transaction) => {
        const asked = [{ head: "" }, ...questionsOf(commit)];
        const [counter, ...answers] = await Promise.all(asked.map((question) => answer(transaction, question)));
        if (!isStillSo(commit, answers)) return false;
        const changes = changesOf(commit, counter);
        const store = transaction.objectStore(RECORDS);
        for (const change of changes) {
          if (change.value === undefined) store.delete(change.key);
          else store.put(change);
        }
        transaction.objectStore(COUNTER).put(counter + changes.length, ONLY);
        transaction.commit();
        return true;
      }),

    putParts: (item, parts) =>
      files.run("readwrite", [RECORDS], async (transaction) => {
        const store = transaction.objectStore(RECORDS);
        for (const [part, bytes] of parts) store.put(alone(bytes), `${item}/${part}`);
        transaction.commit();
      }),
    getParts: (item, names) =>
      files.run("readonly", [RECORDS], (transaction) => {
        const store = transaction.objectStore(RECORDS);
        return Promise.all(names.map((part) => done(store.get(`${item}/${part}`))));
      }),
    countParts: (item) =>
      files.run("readonly", [RECORDS], (transaction) => done(transaction.objectStore(RECORDS).count(within(`${item}/`)))),
    dropParts: (item) =>
      files.run("readwrite", [RECORDS], async (transaction) => {
        transaction.objectStore(RECORDS).delete(within(`${item}/`));
        transaction.commit();
      }),
  });
}

async function answer(transaction, { record, list, index, names, after, limit }) {
  const store = transaction.objectStore(RECORDS);
  if (record !== undefined) return shown(await done(store.get(record)));
  const prefix = list ?? index ?? names;
  if (prefix === undefined) return (await done(transaction.objectStore(COUNTER).get(ONLY))) ?? 0;
  const range = within(prefix, after);
  // To IndexedDB no limit and a limit of none are the same.
  if (range === undefined || limit === 0) return [];
  if (list !== undefined) return (await done(store.getAll(range, limit))).map(shown);
  const found = named(await done(store.index("index").getAll(range, limit)), range);
  return index !== undefined ? found : found.map(({ name, key, rev }) => ({ name, key, rev }));
}

const shown = (record) => record && { key: record.key, rev: record.rev, value: record.value };

/**
 * What an index gives is a record for each name in the range, in order of names, without the names. These are the first
 * so many of all that the records have: a name that was left out is above those that were not.
 */
function named(records, range) {
  const byName = new Map();
  for (const record of records) {
    for (const name of record.index) if (range.includes(name)) byName.set(name, record);
  }
  const names = [...byName.keys()].sort().slice(0, records.length);
  return names.map((name) => ({ ...shown(byName.get(name)), name }));
}

/** The range of keys that begin with `prefix` and come after `after`; `undefined` if there can be none. */
function within(prefix, after = "") {
  const [lower, open] = after < prefix ? [prefix, false] : [after, true];
  const upper = above(prefix);
  if (upper === undefined) return IDBKeyRange.lowerBound(lower, open);
  return lower < upper ? IDBKeyRange.bound(lower, upper, open, true) : undefined;
}

/** The first text after all that begin with a prefix, by UTF-16 code units; `undefined` if nothing is above them. */
function above(prefix) {
  for (let end = prefix.length; end > 0; end--) {
    const last = prefix.charCodeAt(end - 1);
    if (last < 0xffff) return prefix.slice(0, end - 1) + String.fromCharCode(last + 1);
  }
  return undefined;
}

/** The array itself, alone in its memory: cloning a view would store everything around it. */
const alone = (bytes) => (bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice());
