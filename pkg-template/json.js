// Writes JSON so that nothing is lost on the way: what JSON cannot carry is refused, never dropped or changed.
import { badInput } from "./errors.js";
import { isWellFormed } from "./input.js";

/** How deep it may be nested; what holds itself is deeper than anything. */
const DEEPEST = 512;

/** Whether it is an object whose every property is its own. */
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return true;
  // Another window's Object.prototype is as good as ours.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}

/** The data of an item: an object or array as JSON text. */
export const dataToJson = (value) => write(value, "data");

/** The application's metadata: an object as JSON text. */
export function metadataToJson(value, name = "metadata") {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw badInput(`${name} is a plain JSON object`);
  return write(value, name);
}

function write(value, name) {
  const refuse = (what) => badInput(`${name} holds ${what}, which JSON would not give back`);
  const string = (text) => {
    if (!isWellFormed(text)) throw refuse("text with a lone surrogate");
    return JSON.stringify(text);
  };
  const any = (value, left) => {
    switch (typeof value) {
      case "string":
        return string(value);
      case "boolean":
        return String(value);
      case "number":
        if (!Number.isFinite(value)) throw refuse("a number that is not finite");
        return Object.is(value, -0) ? "-0" : String(value);
      case "object":
        return value === null ? "null" : compound(value, left);
      default:
        throw refuse(value === undefined ? "undefined" : `a ${typeof value}`);
    }
  };
  const compound = (value, left) => {
    if (left === 0) throw badInput(`${name} holds itself, or is nested more than ${DEEPEST} deep`);
    const keys = Object.keys(value);
    if (Object.getOwnPropertySymbols(value).length > 0) throw refuse("a symbol");
    if (Array.isArray(value)) {
      // Counted, because holes and named properties of arrays are lost.
      const whole = keys.length === value.length && keys.every((key, at) => key === String(at));
      if (!whole) throw refuse("an array with holes or with properties");
      return `[${keys.map((key) => any(value[key], left - 1)).join()}]`;
    }
    if (typeof value.then === "function") throw badInput(`${name} is or holds a promise: await it first`);
    if (!isPlain(value)) throw refuse("an object that is not plain (a date, a map, one of a class)");
    return `{${keys.map((key) => `${string(key)}:${any(value[key], left - 1)}`).join()}}`;
  };
  return any(value, DEEPEST);
}
