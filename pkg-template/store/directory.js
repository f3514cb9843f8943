// A store in a folder, for Node: one file for each name, written anew and renamed, so that it is there whole, before or
// after. Several processes may share it: who writes takes a lock, and writes only if what was read is still so.
import { RegrantError } from "../errors.js";
import { Lock, openFolder } from "../folder.js";

/** The format of the file, the same as of the item in localStorage (src/store/local_storage.rs). */
const FORMAT = 1;
/** No store is larger, in bytes. */
const LARGEST = 1 << 26;

/**
 * @param {string} folder made if it is missing
 * @param {string} name
 * @returns {Promise<{ place: string, store: { get: Function, write: Function } }>}
 */
export async function openDirectory(folder, name) {
  const found = await openFolder(folder, "store.directory");
  const file = new StoreFile(found, `${name}.store.json`);
  const lock = new Lock(found, `${name}.store.lock`);
  const store = {
    get: async (key) => file.read().get(key),
    write: (changes, expected, giveUp) => lock.hold(() => file.write(changes, expected, giveUp)),
  };
  return { place: found.path.join(found.key, name), store };
}

const unreadable = (cause) =>
  new RegrantError("ERR_STORE_UNREADABLE", "the file of the store cannot be read; nothing was overwritten", { cause });

class StoreFile {
  #fs;
  #folder;
  #file;

  constructor({ fs, path, key }, name) {
    this.#fs = fs;
    this.#folder = key;
    this.#file = path.join(key, name);
  }

  /** The records; none where there is no file. */
  read() {
    let text;
    try {
      if (this.#fs.statSync(this.#file).size > LARGEST) throw unreadable();
      text = this.#fs.readFileSync(this.#file, "utf8");
    } catch (error) {
      if (error.code === "ENOENT") return new Map();
      throw error;
    }
    return parse(text);
  }

  /** Writes `[key, text or null]` pairs. `false`: what was expected is no longer so. */
  write(changes, expected, giveUp) {
    let records;
    try {
      records = this.read();
    } catch (error) {
      // Given up is what can be read as bytes and makes no sense, not what the disk refuses.
      if (!giveUp || error.code !== "ERR_STORE_UNREADABLE") throw error;
      records = new Map();
    }
    if (expected.some(([key, text]) => (records.get(key) ?? null) !== text)) return false;
    for (const [key, text] of changes) {
      if (text === null) records.delete(key);
      else records.set(key, text);
    }
    if (records.size > 0) this.#replace(JSON.stringify({ regrant: "store", format: FORMAT, records: Object.fromEntries(records) }));
    else this.#fs.rmSync(this.#file, { force: true });
    this.#sync(this.#folder);
    return true;
  }

  #replace(text) {
    // One name for all: whoever holds the lock clears away what another left behind.
    const fresh = `${this.#file}.new`;
    try {
      this.#fs.rmSync(fresh, { force: true });
      this.#fs.writeFileSync(fresh, text, { mode: 0o600, flag: "wx" });
      this.#sync(fresh);
      this.#fs.renameSync(fresh, this.#file);
    } catch (error) {
      this.#fs.rmSync(fresh, { force: true });
      throw error;
    }
  }

  #sync(place) {
    let descriptor;
    try {
      descriptor = this.#fs.openSync(place, "r");
      this.#fs.fsyncSync(descriptor);
    } catch (error) {
      // Windows does not open folders; a disk that is full says so here at the latest.
      if (place !== this.#folder) throw error;
    } finally {
      if (descriptor !== undefined) this.#fs.closeSync(descriptor);
    }
  }
}

function parse(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw unreadable(cause);
  }
  const { regrant, format, records } = found ?? {};
  if (format > FORMAT) throw new RegrantError("ERR_UNSUPPORTED_VERSION", "the file of the store was written by a newer version");
  const fits = regrant === "store" && format === FORMAT && typeof records === "object" && records !== null;
  if (!fits || !Object.values(records).every((text) => typeof text === "string")) throw unreadable();
  return new Map(Object.entries(records));
}
