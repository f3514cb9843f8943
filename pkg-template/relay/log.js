// The file of a directory relay, `relay.jsonl`, and what it says, in memory. Synchronous; whoever writes holds a lock.
//
// The first line names the file. Each further line is a commit, or records of a file that was written anew:
// `{"by", "from", "to", "set": [{"key", "rev", "value", "index"}…]}`. It counts only if the counter is at `from` when it
// is read in order, and then brings it to `to`; a record without a value is deleted. A last line without its end is a
// write that was interrupted: it is ignored, and cut off by the next writer. Once most of the file is dead it is written
// anew and renamed, under another first line.
import { RegrantError } from "../errors.js";
import { syncFolder } from "../folder.js";
import { changesOf } from "./commit.js";
import { Records } from "./memory.js";

const HEADER = /^\{"regrant":"relay","format":2,"id":"[0-9a-f-]{36}"\}\n/;
const OTHER_FORMAT = /^\{"regrant":"relay","format":(?!2,)\d+,/;
const HEADER_LENGTH = header("0".repeat(36)).length;
/** Files below this many bytes are left alone. */
const COMPACT_FROM = 1 << 20;
/** How often a commit is tried that somebody without the lock was in the way of. */
const TRIES = 8;

function header(id) {
  return `{"regrant":"relay","format":2,"id":"${id}"}\n`;
}

/** What a record takes in the file, about. */
const weight = ({ key, value, index = [] }) => [key, value, ...index].reduce((sum, text) => sum + text.length, 32);

export class Log {
  #fs;
  #folder;
  #file;
  /** Tells this one's lines from others'. */
  #id = crypto.randomUUID().slice(0, 8);
  /** The first line of the file that was read so far. */
  #header;
  /** How many bytes of it were read: always whole lines. */
  #read = 0;
  #records = new Records();
  #live = 0;
  /** The counter after the last line of one's own that counted. */
  #reached;

  constructor({ fs, path, key }) {
    [this.#fs, this.#folder, this.#file] = [fs, key, path.join(key, "relay.jsonl")];
  }

  /** As of when it caught up last. */
  answer(question) {
    return this.#records.answer(question);
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

  /** `false`: something that it was decided on is no longer so. */
  commit(commit) {
    for (let tries = 0; tries < TRIES; tries++) {
      this.catchUp();
      if (!this.#records.allows(commit)) return false;
      const from = this.#records.counter;
      const set = changesOf(commit, from);
      if (set.length === 0) return true;
      if (this.#header === undefined) this.#create();
      const to = from + set.length;
      this.#reached = undefined;
      this.#append({ by: this.#id, from, to, set });
      // Read back rather than assumed: should somebody else have written at the same time, the order in the file decides.
      this.catchUp();
      if (this.#reached === to) {
        this.#compactIfWorthIt();
        return true;
      }
    }
    throw new Error("others write to relay.jsonl without its lock");
  }

  #forget(header) {
    this.#header = header;
    this.#read = header === undefined ? 0 : HEADER_LENGTH;
    this.#records = new Records();
    this.#live = 0;
  }

  #catchUp(descriptor) {
    const { size } = this.#fs.fstatSync(descriptor);
    const first = this.#bytes(descriptor, 0, Math.min(size, HEADER_LENGTH)).toString("latin1");
    if (OTHER_FORMAT.test(first)) throw new RegrantError("ERR_UNSUPPORTED_VERSION", "relay.jsonl in relay.directory is of another version");
    if (!HEADER.test(first)) {
      // A file whose very first write was interrupted is as good as none.
      if (size >= HEADER_LENGTH || !header("0".repeat(36)).startsWith(first.slice(0, 36))) throw new Error("relay.jsonl is no relay");
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

  #apply({ by, from, to, set }) {
    const records = this.#records;
    if (from > records.counter) throw new Error("relay.jsonl lacks a line");
    if (from < records.counter) return;
    for (const record of set) {
      const before = records.get(record.key);
      this.#live += (record.value === undefined ? 0 : weight(record)) - (before ? weight(before) : 0);
      records.put([record]);
    }
    records.counter = to;
    if (by === this.#id) this.#reached = to;
  }

  #create() {
    this.#fs.writeFileSync(this.#file, header(crypto.randomUUID()), { mode: 0o600, flush: true });
    syncFolder(this.#fs, this.#folder);
    this.catchUp();
  }

  /** Not where somebody else wrote meanwhile: that is to be read first. */
  #append(line) {
    const descriptor = this.#fs.openSync(this.#file, "a+");
    try {
      const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
      const { size } = this.#fs.fstatSync(descriptor);
      if (size > this.#read) {
        if (this.#bytes(descriptor, this.#read, size - this.#read).includes(0x0a)) return;
        // What is after the last whole line is a write that was interrupted.
        this.#fs.ftruncateSync(descriptor, this.#read);
      }
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
      for (const record of this.#records.all()) lines.push(`${JSON.stringify({ from: 0, to: 0, set: [record] })}\n`);
      lines.push(`${JSON.stringify({ from: 0, to: this.#records.counter, set: [] })}\n`);
      this.#fs.writeFileSync(fresh, lines.join(""), { mode: 0o600, flush: true });
      this.#fs.renameSync(fresh, this.#file);
    } catch {
      // The commit is written; the file only stays longer than it need be.
      this.#fs.rmSync(fresh, { force: true });
      return;
    }
    // What is written from now on goes to the new file: after a crash it must not be the old one that is there.
    syncFolder(this.#fs, this.#folder);
  }
}
