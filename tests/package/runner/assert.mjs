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
