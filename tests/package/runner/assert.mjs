// The few assertions that programs need, the same in browsers and in Node.
export function ok(value, message = "expected something true") {
  if (!value) throw new Error(message);
}

export function equal(actual, expected, message = "not equal") {
  if (!Object.is(actual, expected)) throw new Error(`${message}: ${String(actual)} instead of ${String(expected)}`);
}

/** Gives the error with which a promise (or a function's) rejects, whose message must match. */
export async function rejects(promise, pattern = /./) {
  let value;
  try {
    value = await (typeof promise === "function" ? promise() : promise);
  } catch (error) {
    if (!pattern.test(`${error.name}: ${error.message}`)) throw new Error(`${error} does not match ${pattern}`);
    return error;
  }
  throw new Error(`expected a rejection, got ${String(value)}`);
}

/** The same for a `RegrantError`, which must have this code. Gives the error. */
export async function code(promise, expected, what = "") {
  const error = await rejects(promise);
  if (error.name !== "RegrantError" || error.code !== expected) {
    throw new Error(`${what} ${error.name} ${error.code} (${error.message}) instead of ${expected}`);
  }
  return error;
}

/** Compares JSON, or bytes. */
export function same(actual, expected, message = "not the same") {
  const text = (value) => (ArrayBuffer.isView(value) ? [...value].join() : JSON.stringify(value));
  equal(text(actual), text(expected), message);
}

/** Waits until something is true; a minute at most, however busy the machine is. */
export async function until(condition, message = "nothing happened") {
  for (const end = performance.now() + 60_000; performance.now() < end; ) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`${message} (waited for a minute)`);
}

/** A vault secret of its own for each number, in place of the slow derivation from a password. */
export const vault = (number) => ({ vaultSecret: btoa(String(number).padStart(32, "x")).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_") });

/** All that a stream gives. Not by a `Response`: in Chromium it hides what a stream ended with. */
export async function readAll(stream) {
  const parts = [];
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    parts.push(value);
  }
}

/** Lets what is due happen: so many turns of the event loop, which a busy machine takes longer for. */
export async function turns(count = 30) {
  for (; count > 0; count--) await new Promise((done) => setTimeout(done, 0));
}
