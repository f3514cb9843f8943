// A relay's records in a SQLite database, by whichever of two there is: Node's own, or the package better-sqlite3. Both
// answer at once, so nothing comes between comparing and writing; and a commit is one transaction that writes from the
// beginning, for whoever else has the file open.
import { createRequire } from "node:module";
import { join } from "node:path";
import { RegrantError, badInput } from "../errors.js";
import { changesOf, isStillSo, questionsOf } from "../relay/commit.js";
import { guarded } from "../relay/failure.js";

const VERSION = 1;
/** "rgRl": that a database is a relay's, and no other application's. */
const APPLICATION = 0x7267_526c;
/** How long one writer waits for another, in milliseconds. */
const PATIENCE_MS = 10_000;

const TABLES = `
  CREATE TABLE record (key TEXT PRIMARY KEY, rev INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE name (name TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX name_of_record ON name (key);
  CREATE TABLE part (item TEXT, name TEXT, bytes BLOB NOT NULL, PRIMARY KEY (item, name)) WITHOUT ROWID;
  CREATE TABLE counter (only INTEGER PRIMARY KEY CHECK (only = 0), value INTEGER NOT NULL);
  INSERT INTO counter VALUES (0, 0);
  PRAGMA application_id = ${APPLICATION};
  PRAGMA user_version = ${VERSION};
`;

/** A database, by either of the two. */
function open(path) {
  const own = process.getBuiltinModule?.("node:sqlite");
  if (own !== undefined) return new own.DatabaseSync(path);
  const found = packageOf("better-sqlite3");
  if (found !== undefined) return new found(path);
  throw new RegrantError("ERR_STORE_MISSING", "there is no SQLite here: Node 22.13 and later have one, and for others npm install better-sqlite3");
}

/** A package that the application has: beside this one, or where the application runs. */
function packageOf(name) {
  for (const from of [import.meta.url, join(process.cwd(), "index.js")]) {
    try {
      return createRequire(from)(name);
    } catch (error) {
      if (error?.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}

/**
 * @param {string} path of the database, made if it is missing; ":memory:" keeps nothing
 * @returns {import("../index.js").RelayStorage & { close(): void }}
 */
export function sqliteStorage(path) {
  if (typeof path !== "string" || path === "") throw badInput("the path of the database is a string");
  const database = open(path);
  try {
    prepare(database);
  } catch (error) {
    database.close();
    throw error;
  }
  const records = new Rows(database);
  const storage = guarded({
    read: (questions) => transaction(database, "DEFERRED", () => questions.map((question) => records.answer(question))),
    commit: (commit) => transaction(database, "IMMEDIATE", () => records.commit(commit)),
    putParts: (item, parts) => transaction(database, "IMMEDIATE", () => parts.forEach(([name, bytes]) => records.putPart(item, name, bytes))),
    getParts: (item, names) => names.map((name) => records.part(item, name)),
    countParts: (item) => records.countParts(item),
    dropParts: (item) => records.dropParts(item),
  });
  let isOpen = true;
  return {
    ...storage,
    close() {
      if (isOpen) database.close();
      isOpen = false;
    },
  };
}

/** Makes the tables, where there are none. What was acknowledged is on the disk. */
function prepare(database) {
  database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`);
  transaction(database, "IMMEDIATE", () => {
    const [{ application_id: application }, { user_version: version }] = ["application_id", "user_version"].map((name) => database.prepare(`PRAGMA ${name}`).get());
    const { count } = database.prepare("SELECT count(*) AS count FROM sqlite_master").get();
    if (application === 0 && version === 0 && count === 0) return database.exec(TABLES);
    if (application !== APPLICATION) throw new RegrantError("ERR_STORE_UNREADABLE", "this database is another application's: nothing was written to it");
    if (version !== VERSION) throw new RegrantError("ERR_UNSUPPORTED_VERSION", "this database was written by another version");
  });
}

function transaction(database, kind, work) {
  database.exec(`BEGIN ${kind}`);
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    // A full disk may have ended it already.
    try {
      database.exec("ROLLBACK");
    } catch {}
    throw full(error) ? Object.assign(new Error("the database is full", { cause: error }), { code: "ENOSPC" }) : error;
  }
}

const full = ({ code, errcode }) => code === "SQLITE_FULL" || errcode === 13;

/** What is in the tables. */
class Rows {
  #sql;

  constructor(database) {
    const all = {
      record: "SELECT key, rev, value FROM record WHERE key = ?",
      list: "SELECT key, rev, value FROM record WHERE key > ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
      index: "SELECT key, rev, value, name FROM name JOIN record USING (key) WHERE name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?",
      names: "SELECT name, key, rev FROM name JOIN record USING (key) WHERE name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?",
      counter: "SELECT value FROM counter",
      count: "UPDATE counter SET value = ?",
      put: "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET rev = excluded.rev, value = excluded.value",
      remove: "DELETE FROM record WHERE key = ?",
      forget: "DELETE FROM name WHERE key = ?",
      call: "INSERT INTO name VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET key = excluded.key",
      putPart: "INSERT INTO part VALUES (?, ?, ?) ON CONFLICT (item, name) DO UPDATE SET bytes = excluded.bytes",
      part: "SELECT bytes FROM part WHERE item = ? AND name = ?",
      countParts: "SELECT count(*) AS count FROM part WHERE item = ?",
      dropParts: "DELETE FROM part WHERE item = ?",
    };
    this.#sql = Object.fromEntries(Object.entries(all).map(([name, text]) => [name, database.prepare(text)]));
  }

  answer({ record, list, index, names, after, limit }) {
    if (record !== undefined) return plain(this.#sql.record.get(record));
    const prefix = list ?? index ?? names;
    if (prefix === undefined) return this.#sql.counter.get().value;
    const asked = list !== undefined ? this.#sql.list : index !== undefined ? this.#sql.index : this.#sql.names;
    return asked.all(after, prefix, above(prefix), limit).map(plain);
  }

  commit(commit) {
    if (!isStillSo(commit, questionsOf(commit).map((question) => this.answer(question)))) return false;
    const before = this.#sql.counter.get().value;
    const changes = changesOf(commit, before);
    for (const { key, rev, value, index = [] } of changes) {
      this.#sql.forget.run(key);
      if (value === undefined) this.#sql.remove.run(key);
      else this.#sql.put.run(key, rev, value);
      for (const name of index) this.#sql.call.run(name, key);
    }
    if (changes.length > 0) this.#sql.count.run(before + changes.length);
    return true;
  }

  putPart(item, name, bytes) {
    this.#sql.putPart.run(item, name, bytes);
  }

  part(item, name) {
    const found = this.#sql.part.get(item, name);
    // A copy: a Buffer may be a view of more.
    return found && new Uint8Array(found.bytes);
  }

  countParts(item) {
    return this.#sql.countParts.get(item).count;
  }

  dropParts(item) {
    this.#sql.dropParts.run(item);
  }
}

/** A row without a prototype is as plain as others. */
const plain = (row) => row && { ...row };

/** The first text after all that begin with a prefix, by UTF-8; one above all text if there is none. */
function above(prefix) {
  const points = [...prefix];
  while (points.length > 0) {
    const last = points.pop().codePointAt(0);
    if (last < 0x10ffff) return points.join("") + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
  }
  // Bytes come after all text.
  return Buffer.of(0);
}
