// When something stops working: counted in writes, for a relay, a store, or several of them together.

/** What a thing that stopped says. */
export class Stopped extends Error {
  name = "Stopped";
}

/** Counts writes, and stops at one of them. Whatever shares it stops together, as a page that dies does. */
export class Faults {
  #writes = 0;
  #at = Infinity;
  #lost = false;
  #once;
  #stopped = false;

  /** How many writes were begun since the last `stopAt`, `failAt` or `goOn`. */
  get writes() {
    return this.#writes;
  }

  /** Whether it has stopped. */
  get stopped() {
    return this.#stopped;
  }

  /**
   * Stops at the n-th write from now, 1 being the next: that write and everything after it fails, reading too, until
   * `goOn`. With `lost`, that write takes place, and only its answer is lost.
   */
  stopAt(n, { lost = false } = {}) {
    this.#set(n, lost, undefined);
  }

  /** Fails the n-th write from now, with this error, and nothing else. */
  failAt(n, error = new Stopped("this write failed on request")) {
    this.#set(n, false, error);
  }

  /** Works again. */
  goOn() {
    this.#set(Infinity, false, undefined);
  }

  #set(at, lost, once) {
    this.#writes = 0;
    this.#stopped = false;
    [this.#at, this.#lost, this.#once] = [at, lost, once];
  }

  /** Before every reading. */
  read() {
    if (this.#stopped) throw new Stopped("stopped on request");
  }

  /** Around every write. */
  async write(work) {
    this.read();
    if (++this.#writes !== this.#at) return work();
    if (this.#once) throw this.#once;
    this.#stopped = true;
    if (this.#lost) await work();
    throw new Stopped("stopped on request");
  }
}
