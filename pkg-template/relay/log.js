// The file of a directory relay, `relay.jsonl`, and what it says, in memory. Synchronous; whoever writes holds a lock.
//
// The first line names the file. Each further line is a batch, applied all or nothing: `{"set": [[key, rev, value]…]}`
// sets records, `{"batch": [[key, expected, value or null]…]}` counts only if each record has the expected revision
// when it is read in order. A last line without its end is a write that was interrupted: it is ignored, and cut off
// by the next writer. Once most of the file is dead it is written anew and renamed, under another first line.
import { SortedMap } from "./sorted-map.js";

const HEADER = /^\{"regrant":"relay","format":1,"id":"[0-9a-f-]{36}"\}\n/;
const HEADER_LENGTH = header("0".repeat(36)).length;
/** Files below this many bytes are left alone. */
const COMPACT_FROM = 1 << 20;

function header(id) {
  return `{"regrant":"relay","format":1,"id":"${id}"}\n`;
}

/** What a record takes in the file, about. */
const weight = (key, value) => key.length + value.length + 16;

export class Log {
  #fs;
  #file;
  /** The first line of the file that was read so far. */
  #header;
  /** How many bytes of it were read: always whole lines. */
  #read = 0;
  #records = new SortedMap();
  #live = 0;

  constructor(fs, file) {
    this.#fs = fs;
    this.#file = file;
  }

  /** One record, or `undefined`. */
  get(key) {
    const record = this.#records.get(key);
    return record && { key, ...record };
  }

  /** At most `limit` records whose key starts with `prefix` and comes after `after`, in order. */
  list(prefix, after, limit) {
    const keys = this.#records.keysAfter(prefix, after, limit);
    return keys.map((key) => this.get(key));
  }

  /** Reads what others wrote. */
  catchUp() {
    let descriptor;
    try {
      descriptor = this.#fs.openSync(this.#file, "r");
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
      this.#forget(undefined);
      return;
    }
    try {
      this.#catchUp(descriptor);
    } finally {
      this.#fs.closeSync(descriptor);
    }
  }

  /** Writes a batch. `false`: some record has another revision than expected. */
  commit(writes) {
    this.catchUp();
    if (this.#header === undefined) this.#create();
    if (writes.some(({ key, expected }) => (this.#records.get(key)?.rev ?? 0) !== expected)) return false;
    this.#append(`${JSON.stringify({ batch: writes.map(({ key, expected, value }) => [key, expected, value ?? null]) })}\n`);
    // Read back rather than assumed: should somebody else have written at the same time, the order in the file decides.
    this.catchUp();
    const won = writes.every(({ key, expected, value }) => {
      const record = this.#records.get(key);
      return value === undefined ? record === undefined : record?.rev === expected + 1 && record.value === value;
    });
    if (won) this.#compactIfWorthIt();
    return won;
  }

  #forget(header) {
    this.#header = header;
    this.#read = header === undefined ? 0 : HEADER_LENGTH;
    this.#records.clear();
    this.#live = 0;
  }

  #catchUp(descriptor) {
    const { size } = this.#fs.fstatSync(descriptor);
    const first = this.#bytes(descriptor, 0, Math.min(size, HEADER_LENGTH)).toString("latin1");
    if (!HEADER.test(first)) {
      // A file whose very first write was interrupted is as good as none.
      if (size > HEADER_LENGTH || !header("0".repeat(36)).startsWith(first.slice(0, 30))) throw new Error("relay.jsonl is no relay");
      this.#forget(undefined);
      return;
    }
    if (first !== this.#header || size < this.#read) this.#forget(first);
    if (size === this.#read) return;
    const added = this.#bytes(descriptor, this.#read, size - this.#read);
    const end = added.lastIndexOf(0x0a) + 1;
    for (const line of added.subarray(0, end).toString("utf8").split("\n")) if (line !== "") this.#apply(JSON.parse(line));
    this.#read += end;
  }

  #bytes(descriptor, from, length) {
    const out = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const count = this.#fs.readSync(descriptor, out, done, length - done, from + done);
      if (count === 0) return out.subarray(0, done);
      done += count;
    }
    return out;
  }

  #apply({ set, batch }) {
    if (set) for (const [key, rev, value] of set) this.#put(key, rev, value);
    if (!batch?.every(([key, expected]) => (this.#records.get(key)?.rev ?? 0) === expected)) return;
    for (const [key, expected, value] of batch) this.#put(key, expected + 1, value);
  }

  #put(key, rev, value) {
    const before = this.#records.get(key);
    if (before) this.#live -= weight(key, before.value);
    if (value === null) {
      this.#records.delete(key);
    } else {
      this.#records.set(key, { rev, value });
      this.#live += weight(key, value);
    }
  }

  #create() {
    this.#fs.writeFileSync(this.#file, header(crypto.randomUUID()), { mode: 0o600, flush: true });
    this.catchUp();
  }

  #append(line) {
    const descriptor = this.#fs.openSync(this.#file, "a");
    try {
      const bytes = Buffer.from(line);
      // What is after the last whole line is a write that was interrupted.
      if (this.#fs.fstatSync(descriptor).size > this.#read) this.#fs.ftruncateSync(descriptor, this.#read);
      try {
        for (let done = 0; done < bytes.length; ) done += this.#fs.writeSync(descriptor, bytes, done);
        this.#fs.fsyncSync(descriptor);
      } catch (error) {
        this.#fs.ftruncateSync(descriptor, this.#read);
        throw error;
      }
    } finally {
      this.#fs.closeSync(descriptor);
    }
  }

  #compactIfWorthIt() {
    if (this.#read < COMPACT_FROM || this.#read < 4 * this.#live) return;
    const id = crypto.randomUUID();
    const fresh = `${this.#file}.${id}`;
    try {
      const lines = [header(id)];
      for (const [key, { rev, value }] of this.#records.entries()) lines.push(`${JSON.stringify({ set: [[key, rev, value]] })}\n`);
      this.#fs.writeFileSync(fresh, lines.join(""), { mode: 0o600, flush: true });
      this.#fs.renameSync(fresh, this.#file);
    } catch {
      // The batch is written; the file only stays longer than it need be.
      this.#fs.rmSync(fresh, { force: true });
    }
  }
}
