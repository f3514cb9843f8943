// What is held of SQLite, in a process that has it: see sqlite.test.mjs.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { sqliteStorage } from "../../pkg-template/relay-server/sqlite.js";
import { storageOf } from "../../pkg-template/relay-server/tenants.js";
import { names, run } from "./suite.mjs";

const fresh = () => join(process.env.REGRANT_SCRATCH, `${randomUUID()}.db`);
const empty = { records: [], lists: [], writes: [], appends: [] };

describe("in SQLite", () => {
  for (const name of [...names.all, ...names.lasting]) {
    test(name, async () => {
      const path = fresh();
      const opened = [];
      const open = () => (opened.push(sqliteStorage(path)), opened.at(-1));
      await run(name, open(), open);
      for (const one of opened) one.close();
    });
  }
});

describe("of one application among others, in SQLite", () => {
  for (const name of names.all) {
    test(name, async () => {
      const all = sqliteStorage(fresh());
      const others = ["clini", "clinic/", "clinic%2Fa", "clinicb", ""].map((other) => storageOf(all, other));
      const noise = { ...empty, writes: [{ key: "a/1", value: "theirs", index: ["n/1", "n/2"] }], appends: [{ log: "log/", value: "theirs" }] };
      for (const other of others) assert.equal(await other.commit(noise), true);
      await run(name, storageOf(all, "clinic"));
      for (const other of others) assert.equal((await other.read([{ record: "a/1" }]))[0].value, "theirs");
      all.close();
    });
  }
});

test("two that write at once lose nothing", { timeout: 60_000 }, async () => {
  const path = fresh();
  const storage = sqliteStorage(path);
  const COUNT = 200;
  // Each adds one, as often as it takes until nobody was faster.
  const add = `
    const { parentPort, workerData: { path, count, from } } = require("node:worker_threads");
    import(from).then(async ({ sqliteStorage }) => {
      const storage = sqliteStorage(path);
      for (let done = 0; done < count; ) {
        const [found] = await storage.read([{ record: "sum" }]);
        const commit = { records: [["sum", found?.rev ?? 0]], lists: [], writes: [{ key: "sum", value: String(Number(found?.value ?? 0) + 1) }], appends: [] };
        if (await storage.commit(commit)) done++;
      }
      storage.close();
    });`;
  const from = new URL("../../pkg-template/relay-server/sqlite.js", import.meta.url).href;
  await Promise.all(Array.from({ length: 3 }, () => new Promise((done, failed) => new Worker(add, { eval: true, workerData: { path, count: COUNT, from } }).once("error", failed).once("exit", done))));
  assert.equal((await storage.read([{ record: "sum" }]))[0].value, String(3 * COUNT));
  storage.close();
});

test("a database of something else, or of a newer version, is left as it is", () => {
  for (const [pragma, code] of [["application_id = 7", "ERR_STORE_UNREADABLE"], ["user_version = 2", "ERR_UNSUPPORTED_VERSION"]]) {
    const path = fresh();
    sqliteStorage(path).close();
    change(path, `PRAGMA ${pragma}`);
    assert.throws(() => sqliteStorage(path), { code }, pragma);
  }
  const path = fresh();
  change(path, "CREATE TABLE theirs (x)");
  assert.throws(() => sqliteStorage(path), { code: "ERR_STORE_UNREADABLE" });
  for (const path of [undefined, "", 1]) assert.throws(() => sqliteStorage(path), { code: "ERR_BAD_INPUT" });
});

test("what fails is told as a relay's failure", async () => {
  const path = fresh();
  const storage = sqliteStorage(path);
  change(path, "DROP TABLE counter");
  await assert.rejects(storage.commit({ ...empty, writes: [{ key: "a", value: "b" }] }), { code: "ERR_RELAY_UNAVAILABLE", retryable: true });
  storage.close();
  await assert.rejects(sqliteStorage(fresh()).putParts("item", [["head", Symbol("no bytes")]]), { code: "ERR_RELAY_UNAVAILABLE" });
});

/** What somebody else does to a database. */
function change(path, sql) {
  const own = process.getBuiltinModule?.("node:sqlite");
  const database = own ? new own.DatabaseSync(path) : new (createRequire(import.meta.url)("better-sqlite3"))(path);
  database.exec(sql);
  database.close();
}
