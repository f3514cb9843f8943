// Which embedded relay there is to be: relays over one database, folder or object are one, and hear of each other.
import { keepsDatabases } from "../environment.js";
import { embeddedRelay } from "./embedded.js";

/** The relays of this page or process, by what they keep their records in. */
const named = new Map();
const ofObjects = new WeakMap();

/** The relay of a name; `make` makes it when it is asked for first. */
function once(all, name, make) {
  if (!all.has(name)) all.set(name, make());
  return all.get(name);
}

/**
 * @param {"embedded" | { directory?: string, storage?: object }} relay
 * @param {string} name
 */
export async function open(relay, name) {
  if (relay.storage !== undefined) return once(ofObjects, relay.storage, () => embeddedRelay(relay.storage));
  if (relay.directory !== undefined) {
    const { openDirectory } = await import("#directory");
    const { key, storage } = await openDirectory(relay.directory);
    return once(named, `directory/${key}`, () => embeddedRelay(storage));
  }
  if (await keepsDatabases()) {
    const { indexedDbStorage } = await import("./indexed-db.js");
    const channel = `regrant/${name}/relay`;
    return once(named, `indexeddb/${name}`, () => embeddedRelay(indexedDbStorage(name), { channel }));
  }
  const { memoryStorage } = await import("./memory.js");
  return once(named, `memory/${name}`, () => embeddedRelay(memoryStorage()));
}
