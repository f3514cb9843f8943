// A relay's file in a folder: crashes, several processes, rivals without a lock, and files of other versions.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { execPath } from "node:process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openDirectory } from "../../pkg-template/relay/directory.js";
import { guarded } from "../../pkg-template/relay/failure.js";
import { Log } from "../../pkg-template/relay/log.js";

const scratch = fs.mkdtempSync(path.join(tmpdir(), "regrant-storage-"));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

/** A folder of its own, and its file. */
function place() {
  const folder = fs.mkdtempSync(path.join(scratch, "relay-"));
  return { folder, file: path.join(folder, "relay.jsonl") };
}

const open = async (folder) => (await openDirectory(folder)).storage;
const write = (storage, ...writes) => storage.commit({ records: [], lists: [], writes: writes.map(([key, value, index]) => ({ key, value, index })), appends: [] });
const append = (storage, value) => storage.commit({ records: [], lists: [], writes: [], appends: [{ log: "log/", value }] });
const all = async (storage) => {
  const [rows, names] = await storage.read([{ list: "", after: "", limit: 1e6 }, { index: "", after: "", limit: 1e6 }]);
  return [rows.map(({ key, rev, value }) => [key, rev, value]), names.map(({ name, key }) => [name, key])];
};
const value = async (storage, key) => (await storage.read([{ record: key }]))[0]?.value;
/** An error of the package's, and what is behind it. */
const code = (wanted, cause = /./) => (error) => {
  assert.deepEqual([error.name, error.code], ["RegrantError", wanted]);
  return cause.test(`${error.cause?.message ?? error.message}`);
};

test("a crash in the middle of a line leaves all of it out, wherever it was", async () => {
  const { folder, file } = place();
  const storage = await open(folder);
  assert.equal(await write(storage, ["a", "1", ["n/1"]], ["b", "1"]), true);
  const [whole, before] = [fs.readFileSync(file), await all(storage)];
  assert.equal(await write(storage, ["a", "ü2", ["n/2"]], ["b"], ["c", "2"]), true);
  const [longer, later] = [fs.readFileSync(file), await all(storage)];
  assert.deepEqual(longer.subarray(0, whole.length), whole);
  for (let end = whole.length; end <= longer.length; end++) {
    const { folder, file } = place();
    fs.writeFileSync(file, longer.subarray(0, end));
    const torn = await open(folder);
    assert.deepEqual(await all(torn), end < longer.length ? before : later, `${end} of ${longer.length} bytes`);
    if (end % 16 > 0) continue;
    assert.equal(await append(torn, "goes on"), true);
    const lines = fs.readFileSync(file, "utf8").trimEnd().split("\n");
    lines.forEach((line) => JSON.parse(line));
    assert.equal(await value(await open(folder), (await all(torn))[0].at(-1)[0]), "goes on");
  }
  // Within the first line, it is as if there were none.
  for (let end = 0; end < whole.indexOf("\n"); end++) {
    const { folder, file } = place();
    fs.writeFileSync(file, whole.subarray(0, end));
    const torn = await open(folder);
    assert.deepEqual(await all(torn), [[], []]);
    if (end % 16 === 0) assert.equal(await write(torn, ["a", "1"]), true);
  }
});

test("a disk that fills up in the middle of a line takes nothing, and says so", async () => {
  const { folder, file } = place();
  const storage = await open(folder);
  await write(storage, ["a", "1"]);
  const [whole, before] = [fs.readFileSync(file, "utf8"), await all(storage)];
  let left = 10;
  const full = () => Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  const disk = {
    ...fs,
    writeSync(descriptor, bytes, from) {
      if (left === 0) throw full();
      return fs.writeSync(descriptor, bytes, from, left--);
    },
  };
  const log = new Log({ fs: disk, path, key: folder });
  const commit = { records: [], lists: [], writes: [{ key: "a", value: "2" }], appends: [] };
  await assert.rejects(guarded({ commit: (commit) => log.commit(commit) }).commit(commit), code("ERR_QUOTA", /no space/));
  assert.equal(fs.readFileSync(file, "utf8"), whole);
  assert.deepEqual(await all(storage), before);
  left = Infinity;
  disk.writeSync = fs.writeSync;
  assert.equal(log.commit(commit), true);
  assert.equal(await value(storage, "a"), "2");
});

test("what a full or broken disk says is an error of the package's", async () => {
  const { folder } = place();
  const storage = await open(folder);
  fs.mkdirSync(path.join(folder, "relay.jsonl"));
  await assert.rejects(storage.read([{ record: "a" }]), code("ERR_RELAY_UNAVAILABLE", /EISDIR/));
  await assert.rejects(write(storage, ["a", "1"]), code("ERR_RELAY_UNAVAILABLE", /EISDIR/));
  fs.writeFileSync(path.join(folder, "files"), "");
  await assert.rejects(storage.putParts("item", [["head", new Uint8Array(1)]]), code("ERR_RELAY_UNAVAILABLE", /ENOTDIR|EEXIST/));
});

test("processes that count in one folder at once lose nothing", async () => {
  const { folder } = place();
  const here = fileURLToPath(new URL("counting.mjs", import.meta.url));
  const counts = () =>
    new Promise((done, failed) => {
      const child = spawn(execPath, [here, folder, "counter", "200"], { stdio: ["ignore", "inherit", "inherit"] });
      child.once("error", failed).once("close", (status) => (status === 0 ? done() : failed(new Error(`ended with ${status}`))));
    });
  const storage = await open(folder);
  await Promise.all([counts(), counts()]);
  assert.equal(await value(storage, "counter"), "400");
  const [, ...lines] = fs.readFileSync(path.join(folder, "relay.jsonl"), "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 400);
});

for (const [when, method, isThen] of [
  ["before it opens the file to write", "openSync", (name, flags) => flags === "a+"],
  ["before it writes", "writeSync", () => true],
]) {
  test(`of rivals without a lock, one of which writes ${when}, one counts and the other decides anew`, async () => {
    const { folder } = place();
    let rivals = [];
    const disk = {
      ...fs,
      [method](...given) {
        if (isThen(...given)) rivals.shift()?.();
        return fs[method](...given);
      },
    };
    const [mine, other] = [new Log({ fs: disk, path, key: folder }), new Log({ fs, path, key: folder })];
    const ask = (log, question) => (log.catchUp(), log.answer(question));
    const counting = (log) => {
      const found = ask(log, { record: "counter" });
      return { records: [["counter", found?.rev ?? 0]], lists: [], writes: [{ key: "counter", value: String(Number(found?.value ?? 0) + 1) }], appends: [] };
    };
    const adding = { records: [], lists: [], writes: [], appends: [{ log: "log/", value: "x" }] };
    assert.equal(mine.commit(counting(mine)), true);

    // The very same line, but for whose it is.
    const decided = counting(mine);
    rivals = [() => assert.equal(other.commit(decided), true)];
    assert.equal(mine.commit(decided), false);
    assert.equal(ask(mine, { record: "counter" }).value, "2");

    // What has nothing to do with it does not stand in the way.
    rivals = [() => assert.equal(other.commit(counting(other)), true), () => assert.equal(other.commit(adding), true)];
    assert.equal(mine.commit(adding), true);
    for (const log of [mine, other, new Log({ fs, path, key: folder })]) {
      assert.equal(ask(log, { record: "counter" }).value, "3");
      assert.equal(ask(log, { list: "log/", after: "", limit: 9 }).length, 2);
    }

    // A disk on which this never ends is told of.
    rivals = Array.from({ length: 100 }, () => () => other.commit(adding));
    assert.throws(() => mine.commit(adding), /without its lock/);
  });
}

test("long use does not let the file grow without end, and others follow it to the new one", async () => {
  const { folder, file } = place();
  const [storage, other] = [await open(folder), await open(folder)];
  const pad = "x".repeat(100_000);
  const first = () => fs.readFileSync(file, "utf8").split("\n", 1)[0];
  await write(storage, ["kept", "as it was", ["n/kept"]], ["gone", "1", ["n/gone"]]);
  await append(storage, "entry");
  const entry = (await all(storage))[0].at(-1)[0];
  await write(storage, ["gone"], [entry]);
  const [before, kept] = [first(), (await all(other))[0]];
  let largest = 0;
  for (let i = 0; i < 30; i++) {
    await write(storage, ["padded", `${i} ${pad}`]);
    largest = Math.max(largest, fs.statSync(file).size);
    assert.equal((await value(other, "padded")).split(" ")[0], String(i));
  }
  assert.ok(largest < 2_000_000, `${largest} bytes`);
  assert.notEqual(first(), before);
  assert.deepEqual(fs.readdirSync(folder), ["relay.jsonl"]);
  assert.deepEqual((await all(other))[0][0], kept[0], "with the number that it had");
  assert.deepEqual((await all(await open(folder)))[1], [["n/kept", "kept"]]);

  // Once nothing is left but the numbers that were given.
  await write(other, ["padded"], ["kept"]);
  while (fs.statSync(file).size > 10_000) await write(other, ["padded", pad], ["padded"]);
  const anew = await open(folder);
  assert.deepEqual(await all(anew), [[], []]);
  const [head] = await anew.read([{ head: "log/" }]);
  assert.ok(head > 30);
  await append(anew, "later");
  assert.ok((await all(storage))[0][0][1] > head && (await all(storage))[0][0][0] > entry);
});

test("a file of another version, of something else, or with a line missing is refused and left alone", async () => {
  const header = (format) => `{"regrant":"relay","format":${format},"id":"00000000-0000-4000-8000-000000000000"}\n`;
  const { folder, file } = place();
  const storage = await open(folder);
  await write(storage, ["a", "1"]);
  await write(storage, ["b", "1"]);
  await write(storage, ["c", "1"]);
  const lines = fs.readFileSync(file, "utf8").split("\n");
  const without = (line) => [...lines.slice(0, line), ...lines.slice(line + 1)].join("\n");
  for (const [text, wanted] of [
    [`${header(1)}{"batch":[["a",0,"1"]]}\n`, "ERR_UNSUPPORTED_VERSION"],
    [header(1), "ERR_UNSUPPORTED_VERSION"],
    [header(3), "ERR_UNSUPPORTED_VERSION"],
    [header(10), "ERR_UNSUPPORTED_VERSION"],
    ["something else, and longer than a first line would be: it is no relay of ours\n".repeat(3), "ERR_STORE_UNREADABLE"],
    ["short", "ERR_STORE_UNREADABLE"],
    [without(1), "ERR_STORE_UNREADABLE"],
    [without(2), "ERR_STORE_UNREADABLE"],
    [lines.join("\n").replace('"value":"1"', '"value":1"'), "ERR_STORE_UNREADABLE"],
  ]) {
    const { folder, file } = place();
    fs.writeFileSync(file, text);
    await assert.rejects(openDirectory(folder), code(wanted), text);
    assert.equal(fs.readFileSync(file, "utf8"), text);
    assert.deepEqual(fs.readdirSync(folder), ["relay.jsonl"]);
  }
  // The same for whoever has it open already.
  fs.writeFileSync(file, `${header(1)}{"batch":[["a",0,"1"]]}\n`);
  await assert.rejects(write(storage, ["a", "2"]), code("ERR_UNSUPPORTED_VERSION"));
  fs.writeFileSync(file, without(1));
  await assert.rejects(write(storage, ["a", "2"]), code("ERR_RELAY_UNAVAILABLE", /lacks a line/));
  assert.equal(fs.readFileSync(file, "utf8"), without(1));
});
