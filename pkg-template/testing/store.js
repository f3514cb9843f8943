// A store in memory that a test holds in its hands: for `Regrant.open({ store })`.
import { Faults } from "./faults.js";

export class TestStore {
  #texts = new Map();
  faults;

  constructor({ faults = new Faults() } = {}) {
    this.faults = faults;
  }

  async get(key) {
    this.faults.read();
    return this.#texts.get(key);
  }

  async write(changes, expected) {
    return this.faults.write(() => {
      if (expected.some(([key, text]) => (this.#texts.get(key) ?? null) !== text)) return false;
      for (const [key, text] of changes) {
        if (text === null) this.#texts.delete(key);
        else this.#texts.set(key, text);
      }
      return true;
    });
  }

  /** Everything that rests here, as it is. */
  get records() {
    return Object.fromEntries(this.#texts);
  }

  /** Puts text in place of a record; `undefined` removes it. */
  set(key, text) {
    if (text === undefined) this.#texts.delete(key);
    else this.#texts.set(key, text);
  }

  clear() {
    this.#texts.clear();
  }

  snapshot() {
    return new Map(this.#texts);
  }

  restore(snapshot) {
    this.#texts = new Map(snapshot);
  }
}
