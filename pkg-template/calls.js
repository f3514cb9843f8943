// Runs what the core offers: converts its errors, honours abort signals, and keeps calls away from a module that
// panicked. It knows nothing of what is called.
import { RegrantError, fromCore, isTrap } from "./errors.js";
import { turn } from "./turns.js";

/** Why the module cannot be used, or `undefined`. */
let trap;
/** How often the module was started anew: what an earlier start made is gone. */
let generation = 0;
/** How to reject each call under way: a future that panics inside the module never settles by itself. */
const pending = new Set();

const poisonedError = () =>
  new RegrantError("ERR_POISONED", "the WebAssembly panicked: call init() again, then open and connect anew", { cause: trap });

/** Notes that the module panicked: every call under way and to come rejects, until `revived`. */
export function poison(cause) {
  trap ??= cause ?? new Error("panic");
  for (const reject of pending) reject(poisonedError());
  pending.clear();
}

export const isPoisoned = () => trap !== undefined;

/** Notes that the module was started anew. */
export function revived() {
  trap = undefined;
  generation++;
}

/** Throws ERR_POISONED if the module panicked. */
export function assertSound() {
  if (isPoisoned()) throw poisonedError();
}

/**
 * Runs what the environment calls back into the module: a settled promise, an event. A trap there has no caller to
 * reject; every call under way hears of it, and it is nobody's uncaught error.
 */
export function surviving(work) {
  if (isPoisoned()) return undefined;
  try {
    return work();
  } catch (thrown) {
    if (!isTrap(thrown)) throw thrown;
    poison(thrown);
    return undefined;
  }
}

/** The reason of an abort. */
export const reasonOf = (signal) => signal.reason ?? new DOMException("This operation was aborted", "AbortError");

/** Throws the signal's reason if it was aborted. */
export function assertWanted(signal) {
  if (signal?.aborted) throw reasonOf(signal);
}

/**
 * Runs `work`, which calls the core. With a signal, an abort rejects at once, whatever `work` still does.
 *
 * @template T
 * @param {() => T | Promise<T>} work
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export function call(work, signal) {
  return new Promise((resolve, reject) => {
    assertWanted(signal);
    assertSound();
    const aborted = () => reject(reasonOf(signal));
    const settled = () => {
      pending.delete(reject);
      signal?.removeEventListener("abort", aborted);
    };
    pending.add(reject);
    signal?.addEventListener("abort", aborted, { once: true });
    const begun = generation;
    const failed = (thrown) => {
      settled();
      if (thrown instanceof Own) return reject(thrown.thrown);
      if (isTrap(thrown) && begun === generation) poison(thrown);
      reject(isTrap(thrown) ? poisonedError() : fromCore(thrown));
    };
    const done = (value) => {
      // Whoever calls again and again, and waits for nothing else, lets others go on, too.
      const wait = turn();
      if (wait) return void wait.then(() => { settled(); resolve(value); });
      settled();
      resolve(value);
    };
    try {
      Promise.resolve(work()).then(done, failed);
    } catch (thrown) {
      failed(thrown);
    }
  });
}

const begunAnew = () => new RegrantError("ERR_NOT_CONNECTED", "the WebAssembly was started anew: open and connect again");

/** Something that the core made, which is of no use once the module was started anew. */
export class Handle {
  #raw;
  #generation = generation;
  #busy = 0;
  #over = false;

  constructor(raw) {
    this.#raw = raw;
  }

  /** Whether it can be asked at all. */
  get usable() {
    return !isPoisoned() && this.#generation === generation && !this.#over;
  }

  /** Runs `work` with it; see `call`. */
  async call(work, signal) {
    assertWanted(signal);
    this.#assertUsable();
    // Counted until it is really done: an abort rejects earlier.
    const counted = async () => {
      this.#busy++;
      try {
        return await work(this.#raw);
      } finally {
        this.#busy--;
        if (this.#over && this.#busy === 0) this.#free();
      }
    };
    return call(counted, signal);
  }

  #assertUsable() {
    assertSound();
    if (this.#generation !== generation) throw begunAnew();
    if (this.#over) throw new RegrantError("ERR_NOT_CONNECTED", "this stream has ended");
  }

  /** Runs `work` with it without waiting; see `call`. */
  now(work) {
    this.#assertUsable();
    try {
      return work(this.#raw);
    } catch (thrown) {
      if (isTrap(thrown)) poison(thrown);
      throw isTrap(thrown) ? poisonedError() : fromCore(thrown);
    }
  }

  /** Something else that the same start of the module made. */
  of(raw) {
    return new Handle(raw);
  }

  /**
   * Lets go of it, and of the keys that it holds, once the calls under way are done. Calls that come later say that it
   * is over.
   */
  free() {
    if (this.#over) return;
    this.#over = true;
    if (this.#busy === 0) this.#free();
  }

  #free() {
    if (!isPoisoned() && this.#generation === generation) this.#raw?.free();
    this.#raw = undefined;
  }

  /** Reads a property without waiting: what `read` gives, or `otherwise` if it cannot be asked. */
  read(read, otherwise) {
    return this.usable ? this.now(read) : otherwise;
  }
}

/** What the caller's own code threw, on its way through the core: whatever it is, it is no fault of the module's. */
class Own {
  constructor(thrown) {
    this.thrown = thrown;
  }
}

/**
 * A callback for the core that tells `onProgress` and ends the work once the signal is aborted: the core stops at
 * its next report and rejects with what is thrown here.
 */
export function progress(onProgress, signal, total) {
  if (onProgress === undefined && signal === undefined) return undefined;
  return (done) => {
    try {
      assertWanted(signal);
      onProgress?.(done, total);
    } catch (thrown) {
      throw new Own(thrown);
    }
  };
}
