// A store that is an object of the application's: what it gives is checked, and writing to it happens one after the
// other, so that comparing and writing are one step for everything in this page.
import { RegrantError } from "../errors.js";

/** What is known of each object: who writes to it last, and a name for it. */
const known = new WeakMap();

/**
 * @param {{ get: Function, write: Function }} object
 * @returns {{ place: string, store: { get: Function, write: Function } }}
 */
export function openObject(object) {
  if (!known.has(object)) known.set(object, { place: `object/${crypto.randomUUID()}`, turn: Promise.resolve() });
  const state = known.get(object);
  const get = async (key) => {
    const text = await object.get(key);
    if (text === undefined || text === null || typeof text === "string") return text ?? undefined;
    throw new RegrantError("ERR_STORE_UNREADABLE", "the store gave something that is no text");
  };
  const write = async (changes, expected) => {
    for (const [key, text] of expected) if (((await get(key)) ?? null) !== text) return false;
    return (await object.write(changes, expected)) !== false;
  };
  const store = {
    get,
    write(changes, expected) {
      const turn = state.turn.then(() => write(changes, expected));
      state.turn = turn.catch(() => {});
      return turn;
    },
  };
  return { place: state.place, store };
}
