// What every storage of a relay holds to (`RelayStorage` in index.d.ts). No imports but the assertions: it runs in Node
// over the storages that are there, and in pages over IndexedDB.
import { equal, ok, same } from "../package/runner/assert.mjs";

/** A commit of which only some is said. */
const of = (some) => ({ records: [], lists: [], writes: [], appends: [], ...some });

/** What tests ask of a storage, in few words. */
class Asking {
  constructor(storage) {
    this.storage = storage;
  }

  commit(some) {
    return this.storage.commit(of(some));
  }

  /** Commits what must succeed. */
  async does(some, what = "a commit that nothing stands against") {
    equal(await this.commit(some), true, what);
  }

  async write(...pairs) {
    await this.does({ writes: pairs.map(([key, value, index]) => ({ key, value, index })) });
  }

  async ask(question) {
    const answers = await this.storage.read([question]);
    equal(answers.length, 1);
    return answers[0];
  }

  record(key) {
    return this.ask({ record: key });
  }

  async value(key) {
    return (await this.record(key))?.value;
  }

  async rev(key) {
    return (await this.record(key))?.rev ?? 0;
  }

  list(list, after = "", limit = 100) {
    return this.ask({ list, after, limit });
  }

  async keys(...how) {
    return (await this.list(...how)).map(({ key }) => key);
  }

  index(index, after = "", limit = 100) {
    return this.ask({ index, after, limit });
  }

  /** Names and the keys of their records: `name key`. */
  async names(...how) {
    return (await this.index(...how)).map(({ name, key }) => `${name} ${key}`);
  }

  head(log) {
    return this.ask({ head: log });
  }

  /** A list as a commit names it that was decided on it. */
  async seen(question) {
    const rows = await this.ask(question);
    return { ...question, rows: rows.map(({ name, key, rev }) => [name ?? key, rev]) };
  }
}

/** Adds one to a record, so many times, however many others do. */
export async function count(storage, key, times) {
  for (let left = times; left > 0; ) {
    const [found] = await storage.read([{ record: key }]);
    const value = String(Number(found?.value ?? 0) + 1);
    if (await storage.commit(of({ records: [[key, found?.rev ?? 0]], writes: [{ key, value }] }))) left--;
  }
}

/** Two that decided at the same time: the first is done, and the second is not, without a trace. */
async function oneWins(a, first, second) {
  await a.does(first);
  const before = await everything(a);
  equal(await a.commit(second), false, "the second was decided on what is no longer so");
  same(await everything(a), before, "nothing of it was done");
}

const everything = async (a) => JSON.stringify([await a.list("", "", 10_000), await a.index("", "", 10_000), await a.head("log/")]);

/** Numbers that look random, the same each time. */
function dice(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

/** @type {Record<string, (a: Asking, reopen: undefined | (() => Promise<object>)) => Promise<void>>} */
const tests = {
  "what was written is read, and what was not is not there": async (a) => {
    equal(await a.record("a"), undefined);
    same(await a.list(""), []);
    same(await a.index(""), []);
    await a.write(["a", "1"], ["b", ""], ["ü/\u{1f600}", 'quoted " and\nbroken \u2028'], ["long", "x".repeat(1 << 20)]);
    same(Object.keys(await a.record("a")).sort(), ["key", "rev", "value"]);
    equal(await a.value("a"), "1");
    equal(await a.value("b"), "");
    equal(await a.value("ü/\u{1f600}"), 'quoted " and\nbroken \u2028');
    equal((await a.value("long")).length, 1 << 20);
    await a.write(["a", "2"]);
    equal(await a.value("a"), "2");
    await a.write(["a"], ["never there"]);
    equal(await a.record("a"), undefined);
  },

  "questions are answered in their order": async (a) => {
    await a.write(["a/1", "one", ["n/x"]], ["a/2", "two"]);
    const list = { list: "a/", after: "", limit: 9 };
    const answers = await a.storage.read([list, { record: "a/2" }, { index: "n/", after: "", limit: 9 }, { head: "log/" }, { record: "no" }, list]);
    same(answers.map((answer) => (Array.isArray(answer) ? answer.map(({ value }) => value) : (answer?.value ?? typeof answer))), [["one", "two"], "two", ["one"], "number", "undefined", ["one", "two"]]);
    same(await a.storage.read([]), []);
  },

  "lists are in order, begin after a key, and end at their limit or their prefix": async (a) => {
    const keys = ["a", "a/", "a/1", "a/10", "a/2", "a/2/x", "a0", "b/1", "a/\uffff", "a/\uffff\uffff", "a/ü"];
    await a.write(...[...keys].reverse().map((key) => [key, key]));
    const within = ["a/", "a/1", "a/10", "a/2", "a/2/x", "a/ü", "a/\uffff", "a/\uffff\uffff"];
    same(await a.keys("a/"), within);
    same(await a.keys("a/", "a/1"), within.slice(2));
    same(await a.keys("a/", "a/11"), within.slice(3), "after a key that is not there");
    same(await a.keys("a/", "a"), within, "after a key before the prefix");
    same(await a.keys("a/", "a/\uffff\uffff"), []);
    same(await a.keys("a/", "b"), [], "after a key beyond the prefix");
    same(await a.keys("a/", "", 3), within.slice(0, 3));
    same(await a.keys("a/", "a/10", 2), ["a/2", "a/2/x"]);
    same(await a.keys("a/", "", 0), []);
    same(await a.keys("c"), []);
    same(await a.keys("a/\uffff"), within.slice(-2));
    same(await a.keys(""), [...keys].sort());
    same((await a.list("a/1")).map(({ key, value, rev }) => [key, value, rev > 0]), [["a/1", "a/1", true], ["a/10", "a/10", true]]);
  },

  "records are found by all of their names, in order of names": async (a) => {
    await a.write(["r1", "one", ["n/5", "n/1", "m/1"]], ["r2", "two", ["n/2"]], ["r3", "three", ["n/4", "n/3"]], ["r4", "four"]);
    same(await a.names("n/"), ["n/1 r1", "n/2 r2", "n/3 r3", "n/4 r3", "n/5 r1"]);
    // A record with a name within the limit and one beyond.
    for (const limit of [1, 2, 3, 4, 5]) equal((await a.names("n/", "", limit)).join(), ["n/1 r1", "n/2 r2", "n/3 r3", "n/4 r3", "n/5 r1"].slice(0, limit).join());
    same(await a.names("n/", "n/1", 2), ["n/2 r2", "n/3 r3"]);
    same(await a.names("n/", "n/3", 9), ["n/4 r3", "n/5 r1"]);
    same(await a.names("", "", 1), ["m/1 r1"]);
    same(await a.names("n/", "", 0), []);
    same(await a.names("n/9"), []);
    const [first] = await a.index("n/");
    same(first, { ...(await a.record("r1")), name: "n/1" });
    same(await a.keys("n/"), [], "a name is no key");
  },

  "names are replaced with each write, and gone with their record": async (a) => {
    await a.write(["r", "1", ["n/1", "n/2"]], ["s", "1", ["n/9"]]);
    await a.write(["r", "2", ["n/2", "n/3"]]);
    same(await a.names("n/"), ["n/2 r", "n/3 r", "n/9 s"]);
    equal((await a.index("n/2"))[0].value, "2");
    await a.write(["r", "3"]);
    same(await a.names("n/"), ["n/9 s"], "without names");
    await a.write(["r", "4", ["n/4"]]);
    await a.write(["r"]);
    same(await a.names("n/"), ["n/9 s"]);
    // A name goes over to another record, whichever of the two is written first.
    await a.write(["s"], ["t", "1", ["n/9"]]);
    same(await a.names("n/"), ["n/9 t"]);
    await a.write(["u", "1", ["n/9"]], ["t"]);
    same(await a.names("n/"), ["n/9 u"]);
    await a.write(["u", "2", []]);
    same(await a.names("n/"), []);
  },

  "of two that write the record that both read, one wins": async (a) => {
    const each = (value, rev) => ({ records: [["x", rev]], writes: [{ key: "x", value }] });
    await oneWins(a, each("first", 0), each("second", 0));
    const rev = await a.rev("x");
    await oneWins(a, each("third", rev), each("fourth", rev));
    equal(await a.value("x"), "third");
    await oneWins(a, { records: [["x", await a.rev("x")]], writes: [{ key: "x" }] }, each("fifth", await a.rev("x")));
    equal(await a.record("x"), undefined);
  },

  "of two that each read what the other writes, one wins": async (a) => {
    await a.write(["x", "1"], ["y", "1"]);
    const [x, y] = [await a.rev("x"), await a.rev("y")];
    await oneWins(a, { records: [["x", x]], writes: [{ key: "y", value: "2" }] }, { records: [["y", y]], writes: [{ key: "x", value: "2" }] });
    // Each was decided on that the other is not there.
    await oneWins(a, { records: [["p", 0]], writes: [{ key: "q", value: "1" }] }, { records: [["q", 0]], writes: [{ key: "p", value: "1" }] });
  },

  "all that was read must be as it was, and what is not so stops all of it": async (a) => {
    await a.write(["x", "1"], ["y", "1"], ["z", "1", ["n/1"]]);
    const [x, y] = [await a.rev("x"), await a.rev("y")];
    await a.write(["y", "2"]);
    const before = await everything(a);
    const much = { writes: [{ key: "x", value: "3" }, { key: "new", value: "3", index: ["n/2"] }, { key: "z" }], appends: [{ log: "log/", value: "3", index: ["n/3"] }] };
    for (const records of [[["x", x], ["y", y]], [["y", y], ["x", x]], [["x", x], ["missing", 1]], [["x", 0]]]) {
      equal(await a.commit({ records, ...much }), false);
      same(await everything(a), before);
    }
    await a.does({ records: [["x", x], ["y", await a.rev("y")], ["missing", 0]], ...much });
    same(await a.names("n/"), ["n/2 new", `n/3 ${(await a.keys("log/"))[0]}`]);
    await a.does({ records: [["x", await a.rev("x")]] }, "one that changes nothing");
    equal(await a.commit({ records: [["x", x]] }), false);
  },

  "lists that gained, lost or changed a row are no longer so": async (a) => {
    await a.write(["a/1", "1"], ["a/3", "1"], ["b/1", "1"]);
    const question = { list: "a/", after: "", limit: 9 };
    const write = { writes: [{ key: "x", value: "1" }] };
    for (const change of [["a/2", "new"], ["a/1"], ["a/3", "changed"]]) {
      const lists = [await a.seen(question)];
      await a.does({ lists, ...write });
      await oneWins(a, { writes: [{ key: change[0], value: change[1] }] }, { lists, ...write });
    }
    const empty = { ...(await a.seen({ list: "c/", after: "", limit: 9 })) };
    await a.does({ lists: [empty], ...write });
    await oneWins(a, { lists: [empty], writes: [{ key: "c/1", value: "1" }] }, { lists: [empty], writes: [{ key: "c/2", value: "1" }] });
    // One row in place of another.
    const lists = [await a.seen({ list: "b/", after: "", limit: 9 })];
    await a.write(["b/1"], ["b/2", "1"]);
    equal(await a.commit({ lists, ...write }), false);
  },

  "what is beyond the limit of a list, or before it, was not read": async (a) => {
    await a.write(["a/2", "1"], ["a/4", "1"], ["a/6", "1"]);
    const question = { list: "a/", after: "a/1", limit: 2 };
    const lists = [await a.seen(question)];
    const write = { writes: [{ key: "x", value: "1" }] };
    await a.write(["a/0", "1"], ["a/1", "1"], ["a/5", "1"], ["a/6", "2"], ["b", "1"]);
    await a.does({ lists, ...write });
    await a.write(["a/6"]);
    await a.does({ lists, ...write });
    // A row that comes in pushes one out.
    await oneWins(a, { writes: [{ key: "a/3", value: "1" }] }, { lists, ...write });
    // A full list that loses a row gets the next.
    const again = [await a.seen(question)];
    await oneWins(a, { writes: [{ key: "a/2" }] }, { lists: again, ...write });
  },

  "lists by names that gained, lost or changed a row are no longer so": async (a) => {
    await a.write(["r", "1", ["n/2"]], ["s", "1", ["n/4"]], ["t", "1", ["n/6"]]);
    const question = { index: "n/", after: "n/1", limit: 2 };
    const write = { writes: [{ key: "x", value: "1" }] };
    const lists = [await a.seen(question)];
    await a.write(["u", "1", ["n/5", "n/0", "m/3"]], ["t", "2", ["n/6"]], ["v", "1"]);
    await a.does({ lists, ...write }, "beyond the limit, before it, elsewhere");
    for (const [what, key, value, index] of [
      ["a row more", "u", "2", ["n/3"]],
      ["a record without its name", "u", "3"],
      ["a row changed", "s", "2", ["n/4"]],
      ["a record under another name", "s", "3", ["n/41"]],
      ["a row less", "r"],
      ["another record in its place", "w", "1", ["n/2"]],
    ]) {
      const lists = [await a.seen(question)];
      await a.does({ lists, writes: [{ key, value, index }] }, what);
      equal(await a.commit({ lists, ...write }), false, what);
    }
  },

  "entries of a log do not stand in each other's way": async (a) => {
    const decided = { records: [["x", 0]], appends: [{ log: "log/a/", value: "first" }] };
    await a.does(decided);
    await a.does({ ...decided, appends: [{ log: "log/a/", value: "second", index: ["n/second"] }, { log: "log/b/", value: "other" }, { log: "log/a/", value: "third" }] });
    same((await a.list("log/a/")).map(({ value }) => value), ["first", "second", "third"]);
    const keys = await a.keys("log/");
    for (const key of keys) ok(/^log\/[ab]\/[0-9]{16}$/.test(key), key);
    same(await a.names("n/"), [`n/second ${keys[1]}`]);
    // A list of the log was read: then they do.
    const lists = [await a.seen({ list: "log/b/", after: "", limit: 9 })];
    const decidedOn = { lists, appends: [{ log: "log/b/", value: "again" }] };
    await oneWins(a, decidedOn, decidedOn);
  },

  "a log's head is below all that is yet to come, and not below what is there": async (a) => {
    const log = "log/";
    const at = (head) => `${log}${String(head).padStart(16, "0")}`;
    same(await a.keys(log, at(await a.head(log))), []);
    for (let i = 0; i < 3; i++) {
      const head = await a.head(log);
      await a.does({ writes: [{ key: "x", value: String(i) }], appends: [{ log, value: `${i} a` }, { log, value: `${i} b` }] });
      same((await a.list(log, at(head))).map(({ value }) => value), [`${i} a`, `${i} b`]);
      same(await a.keys(log, at(await a.head(log))), []);
    }
  },

  "no number is given twice": async (a, reopen) => {
    const seen = new Set();
    const fresh = async () => {
      for (const { rev, key } of [...(await a.list("r/")), ...(await a.list("log/"))]) {
        ok(rev > 0 && Number.isSafeInteger(rev));
        ok(!seen.has(rev), `${rev} of ${key}`);
        seen.add(rev);
      }
    };
    let entries = [];
    for (let round = 0; round < 4; round++) {
      await a.does({ writes: [{ key: "r/1", value: "1" }, { key: "r/2", value: "1" }], appends: [{ log: "log/", value: "1" }] });
      await fresh();
      const [entry] = await a.keys("log/");
      ok(entries.every((earlier) => earlier < entry), "above all that the log ever had");
      entries.push(entry);
      // Read, gone, and there again as it was.
      const old = { records: [["r/1", await a.rev("r/1")]], lists: [await a.seen({ list: "r/", after: "", limit: 9 })] };
      await a.write(["r/1"], ["r/2"], [entry]);
      same(await a.list(""), []);
      if (reopen) a = new Asking(await reopen());
      await a.write(["r/1", "1"], ["r/2", "1"]);
      await fresh();
      equal(await a.commit({ records: old.records, writes: [{ key: "x", value: "1" }] }), false);
      equal(await a.commit({ lists: old.lists, writes: [{ key: "x", value: "1" }] }), false);
      await a.write(["r/1"], ["r/2"]);
    }
  },

  "whoever counts at once loses nothing": async (a) => {
    await Promise.all(Array.from({ length: 8 }, () => count(a.storage, "counter", 5)));
    equal(await a.value("counter"), "40");
    // All at once, decided on the same: one.
    const rev = await a.rev("counter");
    const each = Array.from({ length: 8 }, (_, n) => a.commit({ records: [["counter", rev]], writes: [{ key: "counter", value: `by ${n}` }] }));
    equal((await Promise.all(each)).filter((done) => done).length, 1);
  },

  "much is as little": async (a) => {
    const roll = dice(7);
    const [records, names] = [new Map(), new Map()];
    const some = () => `k/${String(roll(400)).padStart(roll(4), "0")}`;
    for (let round = 0; round < 30; round++) {
      const writes = Array.from({ length: 60 }, () => {
        const key = some();
        return roll(4) === 0 ? { key } : { key, value: String(roll(1e6)), index: Array.from({ length: roll(3) }, (_, n) => `n/${roll(50)}/${key}/${n}`) };
      });
      await a.does({ writes });
      for (const { key, value, index = [] } of writes) {
        for (const [name, of] of names) if (of === key) names.delete(name);
        records.delete(key);
        if (value !== undefined) records.set(key, value);
        for (const name of index) names.set(name, key);
      }
      const [after, limit, prefix] = [some(), roll(80), ["", "k/", `k/${roll(10)}`][roll(3)]];
      const fits = (key) => key.startsWith(prefix) && key > after;
      const rows = [...records.keys()].filter(fits).sort().slice(0, limit);
      same((await a.list(prefix, after, limit)).map(({ key, value }) => [key, value]), rows.map((key) => [key, records.get(key)]));
      const start = `n/${roll(50)}/`;
      const found = [...names.keys()].filter((name) => name > start).sort().slice(0, limit);
      same(await a.names("n/", start, limit), found.map((name) => `${name} ${names.get(name)}`));
    }
  },

  "parts of files are kept by item and name": async ({ storage }) => {
    const [item, other] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
    const text = (bytes) => bytes && String.fromCharCode(...bytes);
    const bytes = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0));
    const get = async (of, names) => (await storage.getParts(of, names)).map(text);
    same(await get(item, ["head"]), [undefined]);
    equal(await storage.countParts(item), 0);
    await storage.putParts(item, [["head", bytes("head")], ["0000000000", bytes("chunk")], ["empty", new Uint8Array()]]);
    await storage.putParts(other, [["head", bytes("other")]]);
    same(await get(item, ["0000000000", "trailer", "head", "empty"]), ["chunk", undefined, "head", ""]);
    equal(await storage.countParts(item), 3);
    await storage.putParts(item, [["head", bytes("again")], ["trailer", bytes("end")]]);
    same(await get(item, ["head", "trailer"]), ["again", "end"]);
    equal(await storage.countParts(item), 4);
    await storage.dropParts(item);
    same(await get(item, ["head", "0000000000"]), [undefined, undefined]);
    equal(await storage.countParts(item), 0);
    same(await get(other, ["head"]), ["other"]);
    await storage.dropParts(item);
  },

  "parts are copies, and no more than what was given": async ({ storage }) => {
    const item = "11111111-1111-4111-8111-111111111111";
    const memory = Uint8Array.from({ length: 100 }, (_, n) => n);
    await storage.putParts(item, [["view", memory.subarray(10, 13)]]);
    memory.fill(0);
    const [first] = await storage.getParts(item, ["view"]);
    same(first, Uint8Array.of(10, 11, 12));
    equal(first.buffer.byteLength, 3);
    first.fill(0);
    same((await storage.getParts(item, ["view"]))[0], Uint8Array.of(10, 11, 12));
  },
};

/** What storages hold to that are still there when they are opened again. */
const lasting = {
  "what was committed is there when it is opened again": async (a, reopen) => {
    await a.write(["a/1", "1", ["n/1"]], ["a/2", "1", ["n/2"]], ["a/3", "1"]);
    await a.write(["a/2", "2", ["n/3"]], ["a/3"]);
    await a.does({ appends: [{ log: "log/", value: "entry" }] });
    await a.storage.putParts("item", [["head", Uint8Array.of(1, 2)]]);
    const before = await everything(a);
    const again = new Asking(await reopen());
    same(await everything(again), before);
    same((await again.storage.getParts("item", ["head"]))[0], Uint8Array.of(1, 2));
    // Both see what either writes from now on.
    await again.write(["a/1", "again"]);
    equal(await a.value("a/1"), "again");
    await a.write(["a/1", "and again"]);
    equal(await again.value("a/1"), "and again");
  },
};

/** The names of all tests, and of those for storages that last. */
export const names = { all: Object.keys(tests), lasting: Object.keys(lasting) };

/** Runs one, over a storage with nothing in it. `reopen`: gives the same storage anew. */
export const run = (name, storage, reopen) => (tests[name] ?? lasting[name])(new Asking(storage), reopen);
