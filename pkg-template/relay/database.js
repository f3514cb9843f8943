// A database of IndexedDB: opened when it is first used, closed when somebody wants to delete or upgrade it, and opened
// again when the browser closed it.

/** How long a new version waits for tabs that have an older one open. They close it unless they hang. */
const PATIENCE_MS = 10_000;

/** What a request came to. */
export const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class Database {
  #name;
  #version;
  #upgrade;
  /** A promise of the connection: one is enough also where two begin at once. */
  #opening;

  /**
   * @param {string} name
   * @param {number} version
   * @param {(database: IDBDatabase) => void} upgrade makes the object stores, where no older version's are left
   */
  constructor(name, version, upgrade) {
    [this.#name, this.#version, this.#upgrade] = [name, version, upgrade];
  }

  /**
   * Runs `work` in one transaction, and gives what it gives, once all that it wrote is on the disk. Nothing of it is
   * written if `work` throws.
   */
  async run(mode, stores, work) {
    const { transaction, forget } = await this.#begin(mode, stores);
    const attempt = async () => {
      try {
        return await work(transaction);
      } catch (error) {
        abort(transaction);
        throw error;
      }
    };
    try {
      const [result] = await Promise.all([attempt(), ended(transaction)]);
      return result;
    } catch (error) {
      // WebKit's way to say that the process behind the connection is gone: nothing more comes of it.
      if (["UnknownError", "InvalidStateError"].includes(error?.name)) forget();
      // Requests that were aborted say no more than that.
      throw transaction.error ?? error;
    }
  }

  /** A transaction; a connection that was closed behind our back is opened again once. */
  async #begin(mode, stores) {
    for (let again = true; ; again = false) {
      const opening = (this.#opening ??= this.#open());
      const database = await opening;
      const forget = () => {
        // One that is only forgotten stays open until garbage is collected.
        database.close();
        if (this.#opening === opening) this.#opening = undefined;
      };
      try {
        // Browsers may otherwise say that something is written before it is on the disk.
        return { transaction: database.transaction(stores, mode, { durability: "strict" }), forget };
      } catch (error) {
        forget();
        if (!again) throw error;
      }
    }
  }

  async #open() {
    let timer;
    try {
      const request = indexedDB.open(this.#name, this.#version);
      request.onupgradeneeded = () => {
        const database = request.result;
        for (const store of [...database.objectStoreNames]) database.deleteObjectStore(store);
        this.#upgrade(database);
      };
      const blocked = new Promise((_, reject) => {
        const giveUp = () => {
          request.onsuccess = () => request.result.close();
          reject(new Error("another tab has an older version of this database open: close it, or load it again"));
        };
        request.onblocked = () => (timer = setTimeout(giveUp, PATIENCE_MS));
      });
      const database = await Promise.race([done(request), blocked]);
      // Somebody deletes or upgrades the database: an open connection would block it.
      database.onversionchange = () => database.close();
      return database;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A full disk may show only when everything is to be committed, by an abort that carries an error. */
const ended = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => (transaction.error ? reject(transaction.error) : resolve());
  });

function abort(transaction) {
  try {
    transaction.abort();
  } catch {
    // It has ended already.
  }
}
