// Which store there is to be: checks what the caller chose, finds the best there is where nothing was chosen, and gives
// what the core needs for it.
import { keepsDatabases, keepsItems } from "../environment.js";
import { RegrantError, badInput } from "../errors.js";
import * as input from "../input.js";
import { Turns, locker } from "./lock.js";
import { openObject } from "./object.js";

const KINDS = ["indexeddb", "localstorage", "memory"];

/** The option `store`, checked: a kind, `{ directory }`, an object with `get` and `write`, or `undefined`. */
export function storeOption(given) {
  if (given === undefined || KINDS.includes(given)) return given;
  if (typeof given === "object" && given !== null) {
    if (input.hasMethod(given, "get") && input.hasMethod(given, "write")) return given;
    const { directory } = input.own(given);
    if (directory !== undefined && directory !== "") return input.own({ directory: input.text(directory, "store.directory") });
  }
  throw badInput('store is "indexeddb", "localstorage", "memory", { directory } in Node, or an object with get and write');
}

/** The best store there is: nothing is remembered of what was there before. */
export async function best() {
  if (await keepsDatabases()) return "indexeddb";
  return keepsItems() ? "localstorage" : "memory";
}

/**
 * @param {string | object | undefined} chosen as `storeOption` gave it
 * @param {string} name
 * @returns {Promise<{ kind: string, given?: unknown, place?: string }>} the core's name for it, what the core needs for
 *   it, and a name that all share who share it
 */
export async function openStore(chosen, name) {
  const kind = chosen ?? (await best());
  if (kind === "indexeddb") {
    if (chosen && !(await keepsDatabases())) throw missing("IndexedDB");
    return { kind, given: locker(`regrant/${name}/store`), place: name };
  }
  if (kind === "localstorage") {
    if (chosen && !keepsItems()) throw missing("localStorage");
    const place = `${name}/localstorage`;
    return { kind, given: locker(`regrant/${place}`, Turns.of(`regrant/${place}`, `regrant/${name}/turn`)), place };
  }
  if (kind === "memory") return input.own({ kind });
  if (typeof kind.get === "function") return foreign(openObject(kind));
  const { openDirectory } = await import("#store-directory");
  return foreign(await openDirectory(kind.directory, name));
}

const foreign = ({ place, store }) => ({ kind: "foreign", given: store, place });

const missing = (what) => new RegrantError("ERR_STORE_MISSING", `this environment has no ${what}: choose another store`);
