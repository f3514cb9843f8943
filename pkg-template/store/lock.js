// Waiting for other tabs that read a store in order to write to it: a Web Lock, where there are any. Without, IndexedDB
// still compares and writes in one transaction; localStorage compares and writes without letting another script of this
// page in between, but what another tab wrote a few milliseconds ago may be lost.

/** Nobody holds it longer, and nobody waits longer: a tab that hangs must not stop the others. */
const PATIENCE_MS = 10_000;

/**
 * @param {string} name
 * @param {Turns} [turns] for a store that does not show at once what another tab wrote
 * @returns {() => Promise<() => void>} waits for its turn, and gives what ends it
 */
export function locker(name, turns) {
  return () =>
    new Promise((done) => {
      const without = () => done(() => {});
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
      const held = async () => {
        clearTimeout(timer);
        await turns?.catchUp();
        await new Promise((release) => {
          const late = setTimeout(release, PATIENCE_MS);
          done(() => {
            clearTimeout(late);
            release();
          });
        });
        await turns?.leave();
      };
      try {
        navigator.locks.request(name, { signal: patience.signal }, held).catch(without);
      } catch {
        clearTimeout(timer);
        without();
      }
    });
}

/**
 * What localStorage needs beside a lock: browsers hand a write on to other tabs when they get round to it, and a lock
 * does not wait for that. So whoever held the lock writes a number after everything else, and keeps a lock of that
 * number; whoever comes next sees the highest of them, and waits until that number has arrived: then all else has, too.
 */
export class Turns {
  #name;
  #item;
  /** The number that was reached. */
  #turn = 0;
  /** Lets go of the lock of the last number of this page. */
  #forget = () => {};

  static #all = new Map();

  /** One for each lock of this page. */
  static of(name, item) {
    if (!Turns.#all.has(name)) Turns.#all.set(name, new Turns(name, item));
    return Turns.#all.get(name);
  }

  /**
   * @param {string} name of the lock
   * @param {string} item that holds the number
   */
  constructor(name, item) {
    this.#name = `${name}@`;
    this.#item = item;
  }

  async catchUp() {
    const { held } = await navigator.locks.query();
    const numbers = held.map(({ name }) => (name.startsWith(this.#name) ? Number(name.slice(this.#name.length)) : 0));
    const latest = Math.max(0, ...numbers.filter(Number.isSafeInteger));
    // It does not wait for ever: somebody may have cleared the storage.
    for (let left = 20; this.#arrived() < latest && left > 0; left--) await somethingChanged();
    this.#turn = Math.max(latest, this.#arrived());
  }

  async leave() {
    const turn = this.#turn + 1;
    try {
      localStorage.setItem(this.#item, String(turn));
    } catch {
      // No room for a number: nothing else was written either.
      return;
    }
    const before = this.#forget;
    await new Promise((granted) => {
      const held = () => {
        granted();
        return new Promise((forget) => void (this.#forget = forget));
      };
      navigator.locks.request(`${this.#name}${turn}`, { mode: "shared" }, held).catch(granted);
    });
    before();
  }

  #arrived() {
    const number = Number(localStorage.getItem(this.#item));
    return Number.isSafeInteger(number) ? number : 0;
  }
}

/** Resolves when another tab's write arrives here, or after a tenth of a second. */
function somethingChanged() {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("storage", end);
      done();
    };
    const timer = setTimeout(end, 100);
    addEventListener("storage", end);
  });
}
