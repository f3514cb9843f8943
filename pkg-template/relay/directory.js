// A relay's records in a folder, for Node: what several processes in turn, or at once, see as one relay. It keeps
// records and revisions; what is in them is not its business. All of it is in `Log` (log.js); here are the lock, the
// waiting, and the three methods that the core asks.
import { RegrantError, badInput } from "../errors.js";
import { Log } from "./log.js";

/** How long to wait for another process that holds the lock. */
const PATIENCE_MS = 30_000;
/** A lock of another machine (a shared folder) is taken for abandoned after this. */
const ABANDONED_MS = 30_000;

// Not literal: bundlers for browsers must not look for it.
const builtin = (name) => import(/* webpackIgnore: true */ /* @vite-ignore */ `node:${name}`);

/**
 * @param {string} folder made if it is missing
 * @returns {Promise<{ key: string, backend: object }>} the same key for every way to write the same folder
 */
export async function openDirectory(folder) {
  // The inline build carries this file into browsers too.
  if (!globalThis.process?.versions?.node) throw badInput("a relay in a directory needs Node");
  const [fs, path, os] = await Promise.all([builtin("fs"), builtin("path"), builtin("os")]);
  let key;
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    key = fs.realpathSync(folder);
  } catch (cause) {
    throw badInput("relay.directory is not a folder that can be used", cause);
  }
  const file = path.join(key, "relay.jsonl");
  const log = new Log(fs, file);
  try {
    log.catchUp();
  } catch (cause) {
    throw new RegrantError("ERR_STORE_UNREADABLE", "relay.jsonl in relay.directory cannot be read; nothing was overwritten", { cause });
  }
  const lock = new Lock(fs, path.join(key, "relay.lock"), os.hostname());
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

/**
 * A file that exists while somebody writes. What is done under it is synchronous and takes milliseconds; should two
 * hold it at once after all, the log itself still lets only one of two rival batches count.
 */
class Lock {
  #fs;
  #file;
  #host;

  constructor(fs, file, host) {
    this.#fs = fs;
    this.#file = file;
    this.#host = host;
  }

  async hold(work) {
    const token = `${this.#host} ${process.pid} ${crypto.randomUUID()}`;
    const deadline = Date.now() + PATIENCE_MS;
    while (!this.#take(token)) {
      this.#clearAbandoned();
      if (Date.now() > deadline) throw new Error("another process holds the relay's lock");
      await new Promise((done) => setTimeout(done, 2 + Math.random() * 8));
    }
    try {
      return work();
    } finally {
      this.#release(token);
    }
  }

  #take(token) {
    try {
      this.#fs.writeFileSync(this.#file, token, { flag: "wx", mode: 0o600 });
      return true;
    } catch (error) {
      if (error.code === "EEXIST") return false;
      throw error;
    }
  }

  #release(token) {
    if (this.#read(this.#file) === token) this.#fs.rmSync(this.#file, { force: true });
  }

  #read(file) {
    try {
      return this.#fs.readFileSync(file, "utf8");
    } catch {
      return undefined;
    }
  }

  #clearAbandoned() {
    const holder = this.#read(this.#file);
    if (holder === undefined || !this.#isAbandoned(holder)) return;
    // Moved away first: whoever moves it looks whether it is still the one that was judged.
    const aside = `${this.#file}.${crypto.randomUUID()}`;
    try {
      this.#fs.renameSync(this.#file, aside);
      if (this.#read(aside) !== holder) this.#fs.linkSync(aside, this.#file);
    } catch {
      // Somebody else was faster.
    }
    this.#fs.rmSync(aside, { force: true });
  }

  #isAbandoned(holder) {
    const [host, pid] = holder.split(" ");
    if (host === this.#host && Number(pid) > 0) return !isAlive(Number(pid));
    try {
      return Date.now() - this.#fs.statSync(this.#file).mtimeMs > ABANDONED_MS;
    } catch {
      return false;
    }
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
