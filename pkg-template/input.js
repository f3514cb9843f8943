// Checks of everything that comes from the caller, before anything is done with it. Each gives the value back, copied
// where the caller could still change it. Messages name the argument and never repeat what it holds.
import { badInput } from "./errors.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const HEX = /^(?:[0-9a-f]{2})+$/i;
const encoder = () => new TextEncoder();

/** Whether text survives being written as UTF-8: a lone surrogate would not. */
export const isWellFormed = (text) => text.isWellFormed?.() ?? !/\p{Surrogate}/u.test(text);

/**
 * The properties that are an object's own, and nothing else: whoever pollutes `Object.prototype` (with a library's help,
 * from data) must not choose with whom something is shared. Everything that is read of an argument is read of this.
 */
export const own = (value) => Object.assign(Object.create(null), value);

/** Whether an object has a method that is not everybody's. */
export const hasMethod = (value, name) => typeof value[name] === "function" && value[name] !== Object.prototype[name];

/** The properties of an object that is no array. */
export function object(value, name) {
  if (typeof value?.then === "function") throw badInput(`${name} is a promise: await it first`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw badInput(`${name} is an object`);
  return own(value);
}

/** The properties of an object that has nothing but these: what is misspelt would be passed over in silence. */
export function known(value, name, names) {
  const given = object(value, name);
  const stranger = Object.keys(given).find((key) => !names.includes(key) && given[key] !== undefined);
  if (stranger === undefined) return given;
  throw badInput(`${name} has no ${/^\w{1,40}$/.test(stranger) ? stranger : "such property"}: it has ${names.join(", ")}`);
}

/** An options object; left out, an empty one. */
export const options = (value, names) => (value === undefined ? own() : known(value, "the options argument", names));

/** `check`s what is there, and lets `undefined` pass. */
export const optional = (check, value, ...rest) => (value === undefined ? undefined : check(value, ...rest));

/** Text without lone surrogates. */
export function text(value, name) {
  if (typeof value !== "string") throw badInput(`${name} is a string`);
  if (!isWellFormed(value)) throw badInput(`${name} holds a lone surrogate: it is not well-formed Unicode`);
  return value;
}

export function boolean(value, name) {
  if (typeof value !== "boolean") throw badInput(`${name} is true or false`);
  return value;
}

export function func(value, name) {
  if (typeof value !== "function") throw badInput(`${name} is a function`);
  return value;
}

/** An integer in a range. */
export function integer(value, name, from, to) {
  if (!Number.isInteger(value) || value < from || value > to) throw badInput(`${name} is a whole number from ${from} to ${to}`);
  return value;
}

/** One of some strings. */
export function oneOf(value, name, choices) {
  if (!choices.includes(value)) throw badInput(`${name} is one of ${choices.map((c) => JSON.stringify(c)).join(", ")}`);
  return value;
}

/** A login: 1 to 256 bytes of UTF-8 in Unicode normalisation form C, without control characters. */
export function login(value, name = "login") {
  text(value, name);
  const { length } = encoder().encode(value);
  if (length < 1 || length > 256) throw badInput(`${name} has 1 to 256 bytes of UTF-8`);
  if (/\p{Cc}/u.test(value)) throw badInput(`${name} has no control characters`);
  if (value.normalize("NFC") !== value) throw badInput(`${name} is in Unicode normalisation form C: call normalize("NFC") first`);
  return value;
}

/** What a relay or an application is called: as a login, because it enters derivations, too. */
export function name(value, what) {
  if (value === undefined) throw badInput(`${what} is missing: it is fixed for an application's life, like "clinic"`);
  return login(value, what);
}

/** A list, each checked; holes are not passed over. */
export function list(value, name, check) {
  if (!Array.isArray(value)) throw badInput(`${name} is an array`);
  return Array.from(value, (element) => check(element, `each of ${name}`));
}

/** Logins without repetitions. */
export const logins = (value, name) => [...new Set(list(value, name, login))];

export function id(value, name = "id") {
  if (typeof value !== "string" || !UUID.test(value)) throw badInput(`${name} is a UUID as text`);
  return value.toLowerCase();
}

/** Ids without repetitions; `undefined` for "all". */
export const items = (value) => (value === "all" ? undefined : ids(value, 'items (an array of ids, or "all")'));

export const ids = (value, name) => [...new Set(list(value, name, id))];

export function hex(value, name) {
  if (typeof value !== "string" || !HEX.test(value)) throw badInput(`${name} is hexadecimal text`);
  return value.toLowerCase();
}

/** A valid `Date`, as Unix milliseconds. */
export function date(value, name) {
  const ms = Object.prototype.toString.call(value) === "[object Date]" ? Number(value) : NaN;
  if (!(ms >= 0)) throw badInput(`${name} is a valid Date (or, where numbers are taken, milliseconds) after 1970`);
  return ms;
}

/** A valid `Date` or Unix milliseconds, as Unix milliseconds. */
export function time(value, name) {
  if (typeof value !== "number") return date(value, name);
  if (!(value >= 0 && value <= 8.64e15)) throw badInput(`${name} is a Date, or milliseconds since 1970`);
  return Math.floor(value);
}

export function signal(value) {
  const fits = typeof value === "object" && value !== null && typeof value.aborted === "boolean";
  if (!fits || typeof value.addEventListener !== "function" || typeof value.removeEventListener !== "function") throw badInput("signal is an AbortSignal");
  return value;
}

/** A password: not empty, well-formed. */
export function password(value, name = "password") {
  // Not by `text`, whose message for an empty one would not say what matters.
  if (typeof value !== "string" || value === "") throw badInput(`${name} is a string that is not empty`);
  return text(value, name);
}

function keyPair(value) {
  const { publicKey, privateKey } = object(value, "keyPair");
  return { publicKey: hex(publicKey, "keyPair.publicKey"), privateKey: hex(privateKey, "keyPair.privateKey") };
}

const SECRETS = { password, vaultSecret: text, keyPair };

/** Exactly one way of unlocking, of those that `kinds` names, and what else may stand beside it. */
export function secret(value, name, kinds = Object.keys(SECRETS), beside = []) {
  const held = known(value, name, [...beside, ...Object.keys(SECRETS)]);
  const given = kinds.filter((kind) => held[kind] !== undefined);
  if (given.length !== 1) throw badInput(`${name} holds exactly one of ${kinds.join(", ")}`);
  const [kind] = given;
  return own({ [kind]: SECRETS[kind](held[kind], kind) });
}

/** A key derivation profile as the core reads it. Its floors are the core's to check. */
export function kdf(value) {
  const { name, memoryKiB, iterations } = object(value, "kdf");
  oneOf(name, "kdf.name", ["argon2id", "pbkdf2"]);
  const number = (given, what) => Math.min(integer(given, what, 0, Number.MAX_SAFE_INTEGER), 0xffffffff);
  const profile = own({ name, iterations: number(iterations, "kdf.iterations") });
  if (name === "argon2id") profile.memoryKiB = number(memoryKiB, "kdf.memoryKiB");
  return profile;
}
