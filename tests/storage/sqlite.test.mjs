// A relay's records in SQLite, by each of the two that may be there: in processes of their own (sqlite.mjs), because this
// Node may have neither.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { sqliteNode } from "../tools/sqlite-node.mjs";

const program = fileURLToPath(new URL("sqlite.mjs", import.meta.url));
const tests = fileURLToPath(new URL("..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "regrant-sqlite-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

async function run(node, ...options) {
  const env = { ...process.env, REGRANT_SCRATCH: scratch };
  delete env.NODE_TEST_CONTEXT;
  const told = promisify(execFile)(node, [...options, "--test", program], { cwd: tests, timeout: 120_000, env });
  const { stdout } = await told.catch((error) => assert.fail(`${error}\n${error.stdout}`));
  assert.match(stdout, /^(#|ℹ) pass [1-9]/m);
}

const missing = sqliteNode === undefined && "no Node with SQLite is here: Node 22.13 or later, or npm's for Linux on x64";
test("by Node's own", { skip: missing }, () => run(sqliteNode));

/** Where it was compiled: not everywhere, because that takes a minute. */
function hasBetter() {
  try {
    createRequire(import.meta.url)("better-sqlite3")(":memory:").close();
    return true;
  } catch {
    return false;
  }
}
const notBuilt = !hasBetter() && "better-sqlite3 is not here: npm install --no-save better-sqlite3 in tests/, to run this too";
test("by better-sqlite3", { skip: notBuilt }, async () => {
  const hide = join(scratch, "hide.mjs");
  writeFileSync(hide, "const { getBuiltinModule } = process;\nif (getBuiltinModule) process.getBuiltinModule = (name) => (name === 'node:sqlite' ? undefined : getBuiltinModule(name));\n");
  await run(process.execPath, "--import", hide);
});

test("where there is none, it says what to install", { skip: process.getBuiltinModule?.("node:sqlite") !== undefined || (hasBetter() && "there is one") }, async () => {
  const { sqliteStorage } = await import("../../pkg-template/relay-server/sqlite.js");
  assert.throws(() => sqliteStorage(join(scratch, "none.db")), { code: "ERR_STORE_MISSING", message: /Node 22\.13.*npm install better-sqlite3/ });
});
