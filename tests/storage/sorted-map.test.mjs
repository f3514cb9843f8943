// The map beneath storages in memory, held against one that is sorted anew each time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SortedMap } from "../../pkg-template/relay/sorted-map.js";

/** Numbers that look random, the same each time. */
function dice(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

/** The same, sorted whenever it is asked. */
class Plain {
  map = new Map();
  keysAfter(prefix, after, limit) {
    return [...this.map.keys()].filter((key) => key.startsWith(prefix) && key > after).sort().slice(0, limit);
  }
}

const orders = {
  "in order": (keys) => [...keys].sort(),
  "backwards": (keys) => [...keys].sort().reverse(),
  "at random": (keys) => keys,
};

for (const [order, arranged] of Object.entries(orders)) {
  test(`thousands of keys that come ${order} are walked in order, and go`, () => {
    const roll = dice(1);
    const [map, plain] = [new SortedMap(), new Plain()];
    const keys = Array.from({ length: 5000 }, (_, n) => `${"abc"[roll(3)]}/${roll(1e6)}/${n}`);
    const same = (text) => {
      for (const prefix of ["", "a/", "b/5", "d", keys[roll(keys.length)]]) {
        for (const after of ["", "a", keys[roll(keys.length)], "c/999999"]) {
          const limit = [0, 1, 16, 700, 1e9][roll(5)];
          assert.deepEqual(map.keysAfter(prefix, after, limit), plain.keysAfter(prefix, after, limit), `${text}: ${prefix} ${after} ${limit}`);
        }
      }
      assert.equal(map.size, plain.map.size);
    };
    same("empty");
    for (const [n, key] of arranged(keys).entries()) {
      map.set(key, n);
      plain.map.set(key, n);
      if (n % 500 === 0) same(`after ${n}`);
    }
    map.set(keys[0], "again");
    map.delete("not there");
    same("all");
    assert.equal(map.get(keys[0]), "again");
    for (const [n, key] of arranged(keys).entries()) {
      // Most, with stretches that go as a whole.
      if (n % 7 === 0) continue;
      map.delete(key);
      plain.map.delete(key);
      if (n % 500 === 1) same(`without ${n}`);
    }
    for (const key of keys) if (!key.startsWith("a")) map.delete(key), plain.map.delete(key);
    same("few");
    for (const key of keys) map.delete(key), plain.map.delete(key);
    same("none");
    map.set("x", 1);
    assert.deepEqual([...map.values()], [1]);
    assert.deepEqual(map.keysAfter("", "", 9), ["x"]);
  });
}
