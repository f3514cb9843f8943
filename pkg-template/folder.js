// A folder in Node in which several processes write: opening it, and the lock that they take. It knows nothing of what
// is kept there.
import { badInput } from "./errors.js";

/** How long to wait for another process that holds the lock. */
const PATIENCE_MS = 30_000;
/** A lock of another machine (a shared folder) is taken for abandoned after this. */
const ABANDONED_MS = 30_000;

// Not literal: bundlers for browsers must not look for it.
const builtin = (name) => import(/* webpackIgnore: true */ /* @vite-ignore */ `node:${name}`);

/**
 * @param {string} folder made if it is missing
 * @param {string} what the option that names it
 * @returns {Promise<{ fs: object, path: object, os: object, key: string }>} the same key for every way to write it
 */
export async function openFolder(folder, what) {
  // The inline build carries this file into browsers too.
  if (!globalThis.process?.versions?.node) throw badInput(`${what} needs Node`);
  const [fs, path, os] = await Promise.all([builtin("fs"), builtin("path"), builtin("os")]);
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    return { fs, path, os, key: fs.realpathSync(folder) };
  } catch (cause) {
    throw badInput(`${what} is not a folder that can be used`, cause);
  }
}

/** Has the disk keep which files a folder holds. Windows does not open folders; a disk that is full says so before. */
export function syncFolder(fs, folder) {
  let descriptor;
  try {
    descriptor = fs.openSync(folder, "r");
    fs.fsyncSync(descriptor);
  } catch (error) {
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL"].includes(error.code)) throw error;
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}

/** A file that exists while somebody writes. What is done under it is synchronous and takes milliseconds. */
export class Lock {
  #fs;
  #file;
  #host;

  constructor({ fs, path, os, key }, name) {
    this.#fs = fs;
    this.#file = path.join(key, name);
    this.#host = os.hostname();
  }

  async hold(work) {
    const token = `${this.#host} ${process.pid} ${crypto.randomUUID()}`;
    const deadline = Date.now() + PATIENCE_MS;
    while (!this.#take(token)) {
      this.#clearAbandoned();
      if (Date.now() > deadline) throw new Error("another process holds the lock");
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
    // One of one's own number that is older than oneself is of an earlier process: a container that was started anew.
    const here = host === this.#host && Number(pid) > 0;
    if (here && Number(pid) !== process.pid) return !isAlive(Number(pid));
    try {
      const age = Date.now() - this.#fs.statSync(this.#file).mtimeMs;
      return age > (here ? process.uptime() * 1000 : ABANDONED_MS);
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
