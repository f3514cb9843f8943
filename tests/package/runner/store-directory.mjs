// A store in a folder: node store-directory.mjs "regrant" (it starts itself again with further arguments).
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { argv, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { code, equal, ok, same, vault } from "./assert.mjs";

const [from, folder, ...wanted] = argv.slice(2);
const { Regrant, generateKeyPair } = await import(from);
const open = (directory) => Regrant.open({ application: "regrant", relay: { directory: join(directory, "relay") }, store: { directory: join(directory, "store") }, name: "shared" });
const alice = { login: "alice", ...vault("alice") };

/** A session that knows what is stored, and can write. */
async function begin(directory) {
  const session = await (await open(directory)).resume("alice");
  await session.unlock(vault("alice"));
  return session;
}

/** Another process; rejects if it fails. */
const other = (...args) =>
  new Promise((done, failed) => {
    const child = spawn(execPath, [fileURLToPath(import.meta.url), from, ...args], { stdio: "inherit" });
    child.on("close", (status) => (status === 0 ? done() : failed(new Error(`a process ended with ${status}`))));
  });

if (wanted.length > 0) {
  for (const login of wanted) {
    const session = await begin(folder);
    await session.trust.verify(login, await session.trust.verificationCode(login));
  }
} else {
  const scratch = mkdtempSync(join(tmpdir(), "regrant-store-"));
  try {
    const logins = Array.from({ length: 24 }, (_, at) => `peer ${at}`);
    const keyPair = await generateKeyPair({ modulusLength: 2048 });
    const elsewhere = await Regrant.open({ application: "regrant", relay: { directory: join(scratch, "relay") }, store: "memory", name: "shared" });
    for (const login of logins) await elsewhere.connect({ login, keyPair });
    const session = await (await open(scratch)).connect(alice);
    // What a process that died left behind: its lock, and the beginning of a write.
    const [store, file] = [join(scratch, "store"), join(scratch, "store/shared.store.json")];
    writeFileSync(join(store, "shared.store.lock"), `${hostname()} 999999999 x`);
    writeFileSync(`${file}.new`, '{"regrant":"sto');
    await Promise.all([0, 1, 2].map((at) => other(scratch, ...logins.filter((_, of) => of % 3 === at))));
    const fresh = await begin(scratch);
    for (const login of logins) equal(await fresh.trust.state(login), "verified", login);
    same(readdirSync(store), ["shared.store.json"]);
    equal(statSync(file).mode & 0o777, 0o600);
    same(Object.keys(JSON.parse(readFileSync(file, "utf8"))), ["regrant", "format", "records"]);

    // The same folder by another name is the same store: signing out there ends what began here.
    symlinkSync(store, join(scratch, "link"));
    const linked = await Regrant.open({ application: "regrant", relay: { directory: join(scratch, "relay") }, store: { directory: join(scratch, "link") }, name: "shared" });
    await (await linked.resume()).disconnect();
    ok(!existsSync(file), "something is left");
    await new Promise((done) => setTimeout(done, 100));
    await code(session.encrypt("x"), "ERR_NOT_CONNECTED");

    // Another process signs out: who writes next finds out, and brings nothing back.
    const again = await (await open(scratch)).connect(alice);
    rmSync(file);
    await code(again.lock(), "ERR_NOT_CONNECTED");
    ok(!existsSync(file), "it came back");
    await code(again.encrypt("x"), "ERR_NOT_CONNECTED");

    // No folder, but a file.
    writeFileSync(join(scratch, "file"), "");
    await code(Regrant.open({ application: "regrant", store: { directory: join(scratch, "file") } }), "ERR_BAD_INPUT");
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
