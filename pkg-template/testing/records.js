// What a test relay keeps, in memory: records with revisions, and parts of files. It never lies; `relay.js` does.
import { SortedMap } from "../relay/sorted-map.js";

export class Records {
  #records = new SortedMap();
  #parts = new Map();

  get(key) {
    const found = this.#records.get(key);
    return found && { key, ...found };
  }

  list(prefix, after, limit) {
    return this.#records.keysAfter(prefix, after, limit).map((key) => this.get(key));
  }

  keys() {
    return [...this.#records.entries()].map(([key]) => key).sort();
  }

  commit(writes) {
    if (writes.some(({ key, expected }) => (this.#records.get(key)?.rev ?? 0) !== expected)) return false;
    for (const { key, expected, value } of writes) this.set(key, value, expected + 1);
    return true;
  }

  set(key, value, rev = (this.#records.get(key)?.rev ?? 0) + 1) {
    if (value === undefined) this.#records.delete(key);
    else this.#records.set(key, { rev, value });
  }

  putParts(item, parts) {
    // Copied: whoever wrote them may go on using its own.
    for (const [name, bytes] of parts) this.#parts.set(`${item}/${name}`, new Uint8Array(bytes));
  }

  part(item, name) {
    return this.#parts.get(`${item}/${name}`)?.slice();
  }

  setPart(item, name, bytes) {
    if (bytes === undefined) this.#parts.delete(`${item}/${name}`);
    else this.#parts.set(`${item}/${name}`, new Uint8Array(bytes));
  }

  partNames(item) {
    return [...this.#parts.keys()].filter((key) => key.startsWith(`${item}/`)).map((key) => key.slice(item.length + 1)).sort();
  }

  dropParts(item) {
    for (const name of this.partNames(item)) this.#parts.delete(`${item}/${name}`);
  }

  snapshot() {
    return { records: new Map(this.#records.entries()), parts: new Map(this.#parts) };
  }

  restore({ records, parts }) {
    this.#records = new SortedMap();
    for (const [key, record] of records) this.#records.set(key, record);
    this.#parts = new Map(parts);
  }
}
