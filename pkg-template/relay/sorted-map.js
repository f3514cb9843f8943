// A map whose keys can be walked in order, that of their UTF-16 code units, as JavaScript compares and sorts text. One
// sorted array would be moved about for every key that comes in between; here it is cut into short runs.

/** No run is longer. */
const LONGEST = 512;

export class SortedMap {
  #values = new Map();
  /** The keys in order, run after run. None is empty. */
  #runs = [];

  get size() {
    return this.#values.size;
  }

  get(key) {
    return this.#values.get(key);
  }

  /** All values, in no order. */
  values() {
    return this.#values.values();
  }

  set(key, value) {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  delete(key) {
    if (!this.#values.delete(key)) return;
    const at = this.#runOf(key);
    const run = this.#runs[at];
    run.splice(position(run, key), 1);
    if (run.length === 0) this.#runs.splice(at, 1);
  }

  /** At most `limit` keys that begin with `prefix` and come after `after`, in order. */
  keysAfter(prefix, after, limit) {
    const from = after < prefix ? prefix : after;
    const found = [];
    let at = this.#runOf(from);
    for (let start = position(this.#runs[at] ?? [], from); at < this.#runs.length; at++, start = 0) {
      for (const key of this.#runs[at].slice(start, start + limit - found.length + 1)) {
        if (found.length >= limit || !key.startsWith(prefix)) return found;
        if (key !== after) found.push(key);
      }
    }
    return found;
  }

  #insert(key) {
    const at = this.#runOf(key);
    const run = (this.#runs[at] ??= []);
    run.splice(position(run, key), 0, key);
    if (run.length > LONGEST) this.#runs.splice(at + 1, 0, run.splice(LONGEST / 2));
  }

  /** Which run a key is in, or would be: the last that does not begin above it. */
  #runOf(key) {
    const above = search(this.#runs.length, (at) => this.#runs[at][0] > key);
    return Math.max(0, above - 1);
  }
}

/** Where a key is in a run, or would be. */
const position = (run, key) => search(run.length, (at) => run[at] >= key);

/** The first place for which something is so, of places where it is not and then is. */
function search(length, isSo) {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSo(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
