// A relay that is killed in the middle of a call, and started again: what was acknowledged is there, nothing is done twice,
// and clients go on by themselves.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { vault } from "../package/runner/assert.mjs";
import { sqliteNode } from "../tools/sqlite-node.mjs";
import { fromPackage } from "../tools/from-package.mjs";

const { Regrant } = await fromPackage("index.js");

const scratch = mkdtempSync(join(tmpdir(), "regrant-killed-"));
const children = new Set();
after(async () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

/** Starts a relay: `said` waits for its next line. */
async function start(database, port = 0, commits = "") {
  const child = spawn(sqliteNode, [fileURLToPath(new URL("serve.mjs", import.meta.url)), database, port, commits], { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const said = async () => (await lines.next()).value;
  const exited = once(child, "exit").finally(() => children.delete(child));
  return { child, exited, said, port: Number(await said()) };
}

const missing = sqliteNode === undefined && "no Node with SQLite is here";
test("killed after any of its commits", { skip: missing, timeout: 120_000 }, async () => {
  const database = join(scratch, "relay.db");
  let relay = await start(database);
  const { port } = relay;
  const open = async (login) => {
    const regrant = await Regrant.open({ application: "clinic", relay: `http://127.0.0.1:${port}`, store: "memory" });
    after(() => regrant.close());
    return regrant.connect({ login, ...vault(login) });
  };
  const alice = await open("alice");
  const bob = await open("bob");
  const heard = [];
  for (const event of ["online", "offline"]) bob.on(event, () => heard.push(event));
  const { id } = await alice.encrypt("version 1", { shareWith: ["bob"] });
  let version = 1;
  // An encryption makes one commit; what is kept along and noted in between may make others.
  for (let commits = 1; commits <= 3; commits++) {
    relay.child.kill("SIGKILL");
    await relay.exited;
    relay = await start(database, port, String(commits));
    await alice.refresh();
    relay.child.kill("SIGUSR2");
    assert.equal(await relay.said(), "counting");
    // Dies, and is there again a moment later.
    const again = relay.exited.then(async () => (relay = await start(database, port)));
    const calls = [];
    for (let n = 0; n < commits; n++) {
      const sealed = await alice.encrypt(`version ${version + 1}`, { id });
      assert.equal(sealed.version, ++version, `done once, after ${commits} commits`);
      calls.push(sealed);
    }
    await again;
    for (const { bytes, version } of calls) assert.equal((await bob.decrypt(bytes, { older: true })).data, `version ${version}`);
  }
  // Whoever only listened is told again, too.
  const granted = new Promise((resolve) => bob.on("granted", resolve));
  await alice.encrypt("something new", { shareWith: ["bob"] });
  await granted;
  assert.equal(heard.length % 2, 0, heard.join());
});
