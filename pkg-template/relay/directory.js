// A relay's records in a folder, for Node: what several processes in turn, or at once, see as one relay. It keeps
// records and revisions; what is in them is not its business. All of it is in `Log` (log.js); here are the three
// methods that the core asks.
import { RegrantError } from "../errors.js";
import { Lock, openFolder } from "../folder.js";
import { Log } from "./log.js";

/**
 * @param {string} folder made if it is missing
 * @returns {Promise<{ key: string, backend: object }>} the same key for every way to write the same folder
 */
export async function openDirectory(folder) {
  const place = await openFolder(folder, "relay.directory");
  const { fs, path, key } = place;
  const file = path.join(key, "relay.jsonl");
  const log = new Log(fs, file);
  try {
    log.catchUp();
  } catch (cause) {
    throw new RegrantError("ERR_STORE_UNREADABLE", "relay.jsonl in relay.directory cannot be read; nothing was overwritten", { cause });
  }
  // Should two hold it at once after all, the log itself still lets only one of two rival batches count.
  const lock = new Lock(place, "relay.lock");
  const backend = {
    async get(keys) {
      log.catchUp();
      return keys.map((wanted) => log.get(wanted));
    },
    async list(prefix, after, limit) {
      log.catchUp();
      return log.list(prefix, after, limit);
    },
    commit: (writes) => lock.hold(() => log.commit(writes)),
  };
  return { key, backend };
}
