// A relay's storage in a folder, for Node: what several processes in turn, or at once, see as one relay. The records are
// in `Log` (log.js).
import { RegrantError } from "../errors.js";
import { Lock, openFolder, syncFolder } from "../folder.js";
import { guarded } from "./failure.js";
import { Log } from "./log.js";

/**
 * @param {string} folder made if it is missing
 * @returns {Promise<{ key: string, storage: import("../index.js").RelayStorage }>} the same key for every way to write
 *   the same folder
 */
export async function openDirectory(folder) {
  const place = await openFolder(folder, "relay.directory");
  const log = new Log(place);
  try {
    log.catchUp();
  } catch (cause) {
    if (cause instanceof RegrantError) throw cause;
    throw new RegrantError("ERR_STORE_UNREADABLE", "relay.jsonl in relay.directory cannot be read; nothing was overwritten", { cause });
  }
  // Should two hold it at once after all, the log itself still lets only one of two rival commits count.
  const lock = new Lock(place, "relay.lock");
  const storage = guarded({
    read(questions) {
      log.catchUp();
      return questions.map((question) => log.answer(question));
    },
    commit: (commit) => lock.hold(() => log.commit(commit)),
    ...parts(place),
  });
  return { key: place.key, storage };
}

/** The parts of files: a folder for each item, a file for each part, which is there whole or not at all. */
function parts({ fs, path, key }) {
  const folder = path.join(key, "files");
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
      const made = await fs.promises.mkdir(folderOf(item), { recursive: true, mode: 0o700 });
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
      for (const changed of [folderOf(item), ...(made ? [folder, key] : [])]) syncFolder(fs, changed);
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
