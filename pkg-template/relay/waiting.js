// How long to wait, and waiting that ends early.

/** A random time below one that doubles with each failure, so that those who failed together do not return together. */
export const backoff = (failures, { least = 0, first, most }) => least + Math.random() * (Math.min(most, first * 2 ** failures) - least);

/** Waits so many milliseconds, or until one of these signals is aborted. */
export function pause(milliseconds, ...signals) {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, milliseconds);
    for (const signal of signals) {
      signal?.addEventListener("abort", over, { once: true });
      if (signal?.aborted) over();
    }
  });
}

/** An abort that comes by itself, after a time that may be begun anew, or with another signal's. */
export class Deadline {
  #controller = new AbortController();
  #timer;
  #outer;
  #abort = () => this.#controller.abort();

  constructor(milliseconds, outer) {
    this.#outer = outer;
    outer?.addEventListener("abort", this.#abort, { once: true });
    if (outer?.aborted) this.#abort();
    this.extend(milliseconds);
  }

  get signal() {
    return this.#controller.signal;
  }

  extend(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#abort, milliseconds);
  }

  end() {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#abort);
  }
}
