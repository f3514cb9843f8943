// What callers catch: `RegrantError`, and the conversion of what the core throws. The only file that knows how the
// core reports failures; it runs nothing.

/** What some errors say beside: how long to wait, in milliseconds; how long something was, and may be, in bytes. */
const NUMBERS = ["retryAfter", "size", "limit"];

/** An error with a stable `code`. Its message never holds a secret or plaintext. */
export class RegrantError extends Error {
  /**
   * @param {import("./index.js").ErrorCode} code
   * @param {string} message
   * @param {{ retryable?: boolean, logins?: string[], retryAfter?: number, size?: number, limit?: number, cause?: unknown }} [more]
   */
  constructor(code, message, more) {
    // Only what is its own: see `own` in input.js.
    const { retryable = false, cause, ...about } = Object.assign(Object.create(null), more);
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = retryable;
    for (const name of ["logins", ...NUMBERS]) if (about[name] !== undefined) this[name] = about[name];
  }

  get name() {
    return "RegrantError";
  }
}

/** An argument is wrong; `what` says which and why, and never repeats its value. */
export const badInput = (what, cause) => new RegrantError("ERR_BAD_INPUT", what, { cause });

/** What is thrown from here on for something that the core or a worker threw. Other errors pass as they are. */
export function fromCore(thrown) {
  if (thrown?.regrant !== true) return thrown;
  const { code, message, retryable, logins, cause } = thrown;
  // What stands between the core and a relay says these; the core passes it through.
  const said = cause instanceof RegrantError && cause.code === code ? Object.fromEntries(NUMBERS.map((name) => [name, cause[name]])) : {};
  return new RegrantError(code, message, { retryable, logins, ...said, cause });
}

/** An error as plain data, for `postMessage`; `fromCore` takes it. */
export const toMessage = ({ regrant, code, message, retryable, logins }) => ({ regrant, code, message, retryable, logins });

/** Whether the module can no longer be relied on: it trapped, or ran out of stack in the middle of something. */
export const isTrap = (thrown) =>
  thrown instanceof WebAssembly.RuntimeError || (thrown instanceof RangeError && /call stack/i.test(thrown.message));

/** Hands an error of somebody's listener to whoever watches for uncaught errors, without disturbing us. */
export function report(error) {
  if (typeof reportError === "function") reportError(error);
  else queueMicrotask(() => { throw error; });
}
