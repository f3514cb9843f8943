// The storage of a test relay: what acts make of the truth goes together with commits, and it stops when it is told to.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTS } from "../../pkg-template/testing/acts.js";
import { Faults, Stopped } from "../../pkg-template/testing/faults.js";
import { Kept } from "../../pkg-template/testing/records.js";
import { TestStorage } from "../../pkg-template/testing/storage.js";
import { count } from "./suite.mjs";

const of = (some) => ({ records: [], lists: [], writes: [], appends: [], ...some });
const put = (key, value, index) => ({ key, value, index });

function made() {
  const [kept, faults] = [new Kept(), new Faults()];
  const storage = new TestStorage(kept, faults);
  const relay = {
    of: (kind, login) => `${kind}/${login}`,
    get keys() {
      return kept.keys();
    },
    part: (item, name) => kept.parts.get(item, name),
  };
  const misbehave = (act, how) => {
    const lie = ACTS[act](relay, how);
    storage.lies.add(lie);
    return () => storage.lies.delete(lie);
  };
  return { kept, faults, storage, misbehave };
}

test("a commit is held against what was told, also where that is a lie", async () => {
  const { kept, storage, misbehave } = made();
  kept.change({ writes: [put("identity/bob", '{"keysets":1}', ["n/1"]), put("identity/eve", '{"keysets":2}', ["n/2"])] });
  const rows = async () => (await storage.read([{ index: "n/", after: "", limit: 9 }]))[0];
  const list = { index: "n/", after: "", limit: 9 };
  const behave = misbehave("alter", { kind: "identity", change: (record, key) => (key === "identity/bob" ? { keysets: 9 } : undefined) });
  assert.deepEqual((await rows()).map(({ name, key, value }) => [name, key, value]), [["n/1", "identity/bob", '{"keysets":9}']]);
  const [{ rev }] = await rows();
  const told = of({ records: [["identity/bob", rev], ["identity/eve", 0]], lists: [{ ...list, rows: [["n/1", rev]] }], writes: [put("x", "1")] });
  assert.equal(await storage.commit(told), true);
  // The truth is what the others see; it moves, and so does what is told.
  assert.deepEqual(kept.records.get("identity/bob").value, '{"keysets":1}');
  kept.change({ writes: [put("identity/bob", '{"keysets":2}', ["n/1"])] });
  assert.equal(await storage.commit(told), false);
  behave();
  assert.equal((await rows()).length, 2);
  assert.equal(await storage.commit({ ...told, records: [] }), false);
});

test("what is held back of a log is what comes after so many entries", async () => {
  const { kept, storage, misbehave } = made();
  const add = (login, value) => kept.change({ appends: [{ log: `log/${login}/`, value }], writes: [put("x", value)] });
  const log = async (login) => (await storage.read([{ list: `log/${login}/`, after: "", limit: 9 }]))[0].map(({ value }) => value);
  for (const value of ["1", "2", "3"]) for (const login of ["bob", "bobby"]) add(login, value);
  const behave = misbehave("hold-back", { login: "bob", after: 2 });
  assert.deepEqual([await log("bob"), await log("bobby")], [["1", "2"], ["1", "2", "3"]]);
  add("bob", "4");
  kept.change({ writes: [put(kept.keys().find((key) => key.startsWith("log/bob/")))] });
  assert.deepEqual(await log("bob"), ["2"], "the end stays where it was");
  behave();
  assert.deepEqual(await log("bob"), ["2", "3", "4"]);
  // Before there are so many, all are shown.
  misbehave("hold-back", { login: "carol", after: 1 });
  misbehave("hold-back", { login: "dave" });
  for (const value of ["1", "2"]) for (const login of ["carol", "dave"]) add(login, value);
  assert.deepEqual([await log("carol"), await log("dave")], [["1"], []]);
});

test("it stops at a write, with or without it, and goes on", async () => {
  const { kept, faults, storage } = made();
  await count(storage, "x", 1);
  faults.stopAt(1);
  await assert.rejects(count(storage, "x", 1), Stopped);
  await assert.rejects(storage.read([{ record: "x" }]), Stopped);
  await assert.rejects(storage.getParts("item", ["head"]), Stopped);
  faults.goOn();
  assert.equal(kept.records.get("x").value, "1");
  faults.stopAt(2, { lost: true });
  await assert.rejects(count(storage, "x", 2), Stopped);
  faults.goOn();
  assert.equal(kept.records.get("x").value, "3");
  faults.stopAt(1);
  await assert.rejects(storage.putParts("item", [["head", Uint8Array.of(1)]]), Stopped);
  faults.goOn();
  assert.equal(await storage.countParts("item"), 0);
  await storage.putParts("item", [["head", Uint8Array.of(1)]]);
  faults.failAt(1, Object.assign(new Error("full"), { code: "ENOSPC" }));
  await assert.rejects(storage.dropParts("item"), /full/);
  assert.equal(await storage.countParts("item"), 1);
});

test("what is restored is what there was, and no number is given twice", async () => {
  const { kept, storage } = made();
  kept.change({ writes: [put("a", "1", ["n/1"]), put("b", "1")], appends: [{ log: "log/", value: "1" }] });
  kept.parts.set("item", "head", Uint8Array.of(1));
  const snapshot = kept.snapshot();
  const entry = kept.keys().at(-1);
  kept.change({ writes: [put("a", "2", ["n/2"]), put("c", "1"), put("b")] });
  kept.parts.set("item", "head", Uint8Array.of(2));
  const numbers = new Set(Array.from(kept.records.all(), ({ rev }) => rev));

  kept.restore(snapshot);
  const values = (kept) => kept.keys().map((key) => [key, kept.records.get(key).value]);
  assert.deepEqual(values(kept), [["a", "1"], ["b", "1"], [entry, "1"]]);
  assert.deepEqual((await storage.read([{ index: "n/", after: "", limit: 9 }]))[0].map(({ name, key }) => [name, key]), [["n/1", "a"]]);
  assert.deepEqual(kept.parts.get("item", "head"), Uint8Array.of(1));
  for (const { key, rev } of kept.records.all()) assert.ok(!numbers.has(rev), `${rev} of ${key}`);

  // At another relay: entries come after those that it was given.
  const other = new Kept();
  other.restore(snapshot);
  other.change({ appends: [{ log: "log/", value: "2" }] });
  assert.deepEqual(other.keys().filter((key) => key.startsWith("log/")).map((key) => other.records.get(key).value), ["1", "2"]);
  // Without its numbers, as somebody wrote it.
  const third = new Kept();
  third.restore({ records: new Map([["x", { rev: 7, value: "1" }]]), parts: new Map() });
  assert.ok(third.records.get("x").rev > 7);
});
