// What a relay keeps: records with revisions, and the parts of files. Here in memory, for trying out; in an application, a
// table and a transaction. It sees public keys, logins and ciphertext.
export class Records {
  #records = new Map();
  #files = new Map();

  get(keys) {
    return keys.map((key) => this.#records.get(key) ?? null);
  }

  list(prefix, after, limit) {
    const order = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    const keys = [...this.#records.keys()].filter((key) => key.startsWith(prefix) && order(key, after) > 0);
    return keys.sort(order).slice(0, limit).map((key) => this.#records.get(key));
  }

  /** All writes or none: nothing comes between comparing and writing. */
  commit(writes) {
    if (writes.some(({ key, expected }) => (this.#records.get(key)?.rev ?? 0) !== expected)) return false;
    for (const { key, expected, value } of writes) {
      if (value === undefined) this.#records.delete(key);
      else this.#records.set(key, { key, rev: expected + 1, value });
    }
    return true;
  }

  putPart(item, name, bytes) {
    const parts = this.#files.get(item) ?? new Map();
    this.#files.set(item, parts.set(name, bytes));
  }

  getPart(item, name) {
    return this.#files.get(item)?.get(name);
  }

  countParts(item) {
    return this.#files.get(item)?.size ?? 0;
  }

  dropParts(item) {
    this.#files.delete(item);
  }
}
