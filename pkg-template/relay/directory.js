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
    ...parts(fs, path, path.join(key, "files")),
  };
  return { key, backend };
}

/** The parts of files: a folder for each item, a file for each part, which is there whole or not at all. */
function parts(fs, path, folder) {
  const folderOf = (item) => path.join(folder, item);
  const names = async (item) => {
    try {
      return (await fs.promises.readdir(folderOf(item))).filter((name) => !name.includes("."));
    } catch (error) {
      if (error.code === "ENOENT") return [];
      throw error;
    }
  };
  return {
    async putParts(item, parts) {
      await fs.promises.mkdir(folderOf(item), { recursive: true, mode: 0o700 });
      for (const [name, bytes] of parts) {
        const file = path.join(folderOf(item), name);
        const fresh = `${file}.${crypto.randomUUID()}`;
        try {
          await fs.promises.writeFile(fresh, bytes, { mode: 0o600, flush: true });
          await fs.promises.rename(fresh, file);
        } catch (error) {
          await fs.promises.rm(fresh, { force: true });
          throw error;
        }
      }
    },
    getParts: (item, names) =>
      Promise.all(
        names.map(async (name) => {
          try {
            // A copy: small files come as views of memory that Node shares among them.
            return new Uint8Array(await fs.promises.readFile(path.join(folderOf(item), name)));
          } catch (error) {
            if (error.code === "ENOENT") return undefined;
            throw error;
          }
        }),
      ),
    countParts: async (item) => (await names(item)).length,
    dropParts: (item) => fs.promises.rm(folderOf(item), { recursive: true, force: true }),
  };
}
