// A map whose keys can be walked in the order of their UTF-8 bytes. Built for many reads, and for loads all at once.

/** Compares as the UTF-8 bytes would. UTF-16 differs only in that surrogates come before U+E000 to U+FFFF. */
export function compareUtf8(a, b) {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

const rank = (unit) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);

export class SortedMap {
  #values = new Map();
  /** The keys in order; `undefined` when they have to be sorted first. */
  #keys;

  get(key) {
    return this.#values.get(key);
  }

  entries() {
    return this.#values.entries();
  }

  set(key, value) {
    if (!this.#values.has(key) && this.#keys) this.#keys.splice(this.#position(key), 0, key);
    this.#values.set(key, value);
  }

  delete(key) {
    if (this.#values.delete(key) && this.#keys) this.#keys.splice(this.#position(key), 1);
  }

  clear() {
    this.#values.clear();
    this.#keys = undefined;
  }

  /** At most `limit` keys that start with `prefix` and come after `after`. */
  keysAfter(prefix, after, limit) {
    this.#keys ??= [...this.#values.keys()].sort(compareUtf8);
    const from = compareUtf8(after, prefix) < 0 ? prefix : after;
    const out = [];
    for (let at = this.#position(from); at < this.#keys.length && out.length < limit; at++) {
      const key = this.#keys[at];
      if (key === after) continue;
      if (!key.startsWith(prefix)) break;
      out.push(key);
    }
    return out;
  }

  /** Where a key is, or would be. */
  #position(key) {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareUtf8(this.#keys[middle], key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
