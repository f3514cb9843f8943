// A relay's records, and the parts of files, in memory: a storage by itself, and what others keep of a folder or lie about.
// Synchronous, so that nothing comes between comparing and writing.
import { changesOf, isStillSo, questionsOf } from "./commit.js";
import { SortedMap } from "./sorted-map.js";

/** Records, the names under which they can be found, and the number that was given last. */
export class Records {
  counter = 0;
  /** By key: `{ key, rev, value, index }`. */
  #records = new SortedMap();
  /** By name: the key of its record. */
  #names = new SortedMap();

  /** A record with its names; it is not to be changed. */
  get(key) {
    return this.#records.get(key);
  }

  /** All of them, in no order. */
  all() {
    return this.#records.values();
  }

  answer({ record, list, index, names, after, limit }) {
    if (record !== undefined) return this.#shown(record);
    if (list !== undefined) return this.#records.keysAfter(list, after, limit).map((key) => this.#shown(key));
    if (names !== undefined) return this.#names.keysAfter(names, after, limit).map((name) => this.#named(name));
    if (index === undefined) return this.counter;
    return this.#names.keysAfter(index, after, limit).map((name) => ({ ...this.#shown(this.#names.get(name)), name }));
  }

  /** Whether all that a commit was decided on is still so. */
  allows(commit) {
    return isStillSo(commit, questionsOf(commit).map((question) => this.answer(question)));
  }

  /** Puts records in place of others, as `changesOf` gives them. */
  put(changes) {
    for (const change of changes) {
      const { key, rev, value, index = [] } = change;
      // One that another record took over meanwhile is no longer this one's.
      for (const name of this.#records.get(key)?.index ?? []) if (this.#names.get(name) === key) this.#names.delete(name);
      if (value === undefined) this.#records.delete(key);
      else this.#records.set(key, change);
      for (const name of index) this.#names.set(name, key);
      this.counter = Math.max(this.counter, rev);
    }
  }

  #named(name) {
    const key = this.#names.get(name);
    return { name, key, rev: this.#records.get(key).rev };
  }

  #shown(key) {
    const found = this.#records.get(key);
    return found && { key, rev: found.rev, value: found.value };
  }
}

/** Parts of files. Bytes are copied on the way in and out: whoever has them may go on using its own. */
export class Parts {
  /** By item: bytes by name. */
  #items = new Map();

  get(item, name) {
    return this.#items.get(item)?.get(name)?.slice();
  }

  /** Without bytes: removes it. */
  set(item, name, bytes) {
    if (!this.#items.has(item)) this.#items.set(item, new Map());
    if (bytes === undefined) this.#items.get(item).delete(name);
    else this.#items.get(item).set(name, new Uint8Array(bytes));
  }

  names(item) {
    return [...(this.#items.get(item)?.keys() ?? [])].sort();
  }

  drop(item) {
    this.#items.delete(item);
  }

  items() {
    return [...this.#items.keys()];
  }
}

/** A `RelayStorage` in memory. */
export function memoryStorage() {
  const [records, parts] = [new Records(), new Parts()];
  return {
    read: (questions) => questions.map((question) => records.answer(question)),
    commit(commit) {
      if (!records.allows(commit)) return false;
      records.put(changesOf(commit, records.counter));
      return true;
    },
    putParts(item, given) {
      for (const [name, bytes] of given) parts.set(item, name, bytes);
    },
    getParts: (item, names) => names.map((name) => parts.get(item, name)),
    countParts: (item) => parts.names(item).length,
    dropParts: (item) => parts.drop(item),
  };
}
