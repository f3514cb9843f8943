// Relays in a folder: node directory.mjs "regrant" (it starts itself again with further arguments).
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, execPath, pid, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { code, equal, ok, same, vault } from "./assert.mjs";

const [from, role, folder, login] = argv.slice(2);
const { Regrant } = await import(from);
const open = (directory) => Regrant.open({ application: "regrant", relay: { directory } });
const connect = async (directory, login) => (await open(directory)).connect({ login, ...vault(login) });

/** Another process; gives what it printed. */
const other = (...args) =>
  new Promise((done, failed) => {
    const child = spawn(execPath, [fileURLToPath(import.meta.url), from, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (data) => (out += data));
    child.on("close", (status) => (status === 0 ? done(out) : failed(new Error(`${args[0]} ended with ${status}`))));
  });

if (role === "writes") {
  const session = await connect(folder, login);
  const items = [];
  for (let i = 0; i < 15; i++) items.push(await session.encrypt(`${login} ${i}`, { shareWith: ["reader"] }));
  stdout.write(JSON.stringify(items.map((item) => [...item.bytes])));
} else {
  const scratch = mkdtempSync(join(tmpdir(), "regrant-relay-"));
  const at = join(scratch, "new", "relay");
  try {
    const reader = await connect(at, "reader");
    // At once: every write counts, none is lost.
    const written = await Promise.all(["ann", "ben", "cas"].map(async (name) => [name, JSON.parse(await other("writes", at, name))]));
    for (const [name, items] of written) {
      for (const [i, bytes] of items.entries()) equal((await reader.decrypt(Uint8Array.from(bytes))).data, `${name} ${i}`);
    }
    // The same folder by another name, in this process.
    symlinkSync(at, join(scratch, "link"));
    const ann = await connect(join(scratch, "link"), "ann");
    equal(ann.isNew, false);
    const mine = await ann.encrypt("again", { shareWith: ["reader"] });
    equal((await reader.decrypt(mine.bytes)).data, "again");

    // A write that was interrupted is as if it had not begun, and the next one follows what was whole.
    const file = join(at, "relay.jsonl");
    const whole = readFileSync(file, "utf8");
    ok(!/again|reader 1/.test(whole) && statSync(file).mode.toString(8).endsWith("600"));
    appendFileSync(file, '{"batch":[["torn');
    equal((await reader.decrypt(mine.bytes)).data, "again");
    const more = JSON.parse(await other("writes", at, "dan"));
    equal((await reader.decrypt(Uint8Array.from(more[14]))).data, "dan 14");
    const after = readFileSync(file, "utf8");
    ok(after.startsWith(whole) && !after.includes("torn"));
    for (const line of after.trimEnd().split("\n")) JSON.parse(line);

    // A lock whose holder died is cleared away.
    const { hostname } = await import("node:os");
    writeFileSync(join(at, "relay.lock"), `${hostname()} 999999999 x`);
    await reader.encrypt("goes on");
    same(readdirSync(at), ["relay.jsonl"]);
    // So is one of an earlier process of this number: a container that was started anew.
    writeFileSync(join(at, "relay.lock"), `${hostname()} ${pid} x`);
    utimesSync(join(at, "relay.lock"), 1, 1);
    await reader.encrypt("goes on");
    same(readdirSync(at), ["relay.jsonl"]);

    // Long use does not let the file grow without end, and others follow it to the new one.
    const before = readFileSync(file, "utf8").split("\n")[0];
    const pad = "x".repeat(1000);
    const { id } = await reader.encrypt("many versions", { shareWith: ["ann"] });
    for (let i = 0; i < 5; i++) await reader.encrypt(pad, { id });
    equal((await ann.decrypt((await reader.encrypt("last", { id })).bytes)).data, "last");
    ok(before.startsWith('{"regrant":"relay"'));

    writeFileSync(join(scratch, "file"), "");
    await code(open(join(scratch, "file")), "ERR_BAD_INPUT");
    writeFileSync(file, "something else, and longer than a first line would be: it is no relay of ours\n".repeat(3));
    await code(open(at), "ERR_STORE_UNREADABLE");
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
