// What the programs about trust share: a relay that splits in two, devices that come later, and what was asked for.
import { Regrant } from "regrant";
import { createRelay, createStore } from "regrant/testing";

/** What all that these programs open is of, and what `world.mjs` opens. */
export const application = "regrant";

/**
 * A second relay with what a relay holds, some of it replaced: what one device is shown while others see the first. Both
 * are one relay to whoever connects.
 */
export function fork(relay, changes = {}) {
  const other = createRelay();
  other.restore(relay.snapshot ? relay.snapshot() : relay);
  for (const [key, value] of Object.entries(changes)) other.write(key, value);
  return other;
}

/** What a login says to its own devices, as the relay has it: its head, and the pieces under it. */
export function saidBy(relay, login) {
  const own = ["said", "piece"].map((kind) => `${kind}/${login}`);
  return Object.fromEntries(relay.keys.filter((key) => own.includes(key.split("/", 2).join("/"))).map((key) => [key, relay.read(key)]));
}

/** The key of the piece that a login's head leads to. */
export function rootOf(relay, login) {
  const { root } = JSON.parse(relay.read(`said/${login}`).head.body);
  const binary = atob(root.replaceAll("-", "+").replaceAll("_", "/"));
  return `piece/${login}/${Array.from(binary, (char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join("")}`;
}

/** The values that records had before something was done, of those that it changed, made or removed. */
export async function before(relay, act) {
  const from = relay.snapshot().records;
  await act();
  const to = relay.snapshot().records;
  const keys = [...new Set([...from.keys(), ...to.keys()])].filter((key) => from.get(key)?.value !== to.get(key)?.value);
  return Object.fromEntries(keys.map((key) => [key, from.has(key) ? JSON.parse(from.get(key).value) : undefined]));
}

/**
 * The operator puts into one relay what was written to another since `since`, a snapshot: entries of logs at their ends,
 * where nobody has read yet. Gives the keys.
 */
export function carry(from, since, to) {
  const now = from.snapshot().records;
  const keys = [...now.keys()].filter((key) => since.records.get(key)?.value !== now.get(key).value);
  for (const key of keys.sort()) {
    if (key.startsWith("log/")) to.append(key.slice(0, key.lastIndexOf("/") + 1), from.read(key), now.get(key).index);
    else to.write(key, from.read(key), now.get(key).index);
  }
  return keys;
}

/** What the rules read of a relay's records, from now on: the keys of single records, and of those that were listed. */
export function asked(relay) {
  const keys = new Set();
  const { storage } = relay;
  const read = storage.read.bind(storage);
  storage.read = async (questions) => {
    const answers = await read(questions);
    for (const [at, { record }] of questions.entries()) {
      if (record !== undefined) keys.add(record);
      else if (Array.isArray(answers[at])) for (const { key } of answers[at]) keys.add(key);
    }
    return answers;
  };
  return keys;
}

/** The same relay, but for some answers: what `lie` gives for an operation, if it is something. */
export function answering(relay, lie) {
  const methods = ["putParts", "getParts", "subscribe"].map((name) => [name, (...given) => relay[name](...given)]);
  const call = async (token, operations) => (await relay.call(token, operations)).map((answer, at) => lie(operations[at], answer) ?? answer);
  return { ...Object.fromEntries(methods), call };
}

/** A session on a device that knows nothing yet, or on the one whose store is given. */
export async function device(relay, login, secret, { store = createStore(), connect, ...open } = {}) {
  const regrant = await Regrant.open({ relay, store, application, ...open });
  return regrant.connect({ login, ...secret }, connect);
}

/** One person reads the code out to another. */
export const compare = async (session, other) => session.trust.verify(other.login, await other.trust.verificationCode(other.login));

/** What came of something that may succeed or be refused: `{ value }` or `{ code }`. */
export const outcome = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => {
      if (error.name !== "RegrantError") throw error;
      return { code: error.code };
    },
  );

/** Texts of records that JSON in JavaScript cannot write, such as numbers above 2^53. */
export function writeText(relay, key, text) {
  const { records, ...rest } = relay.snapshot();
  relay.restore({ ...rest, records: new Map([...records, [key, { ...records.get(key), value: text }]]) });
}
