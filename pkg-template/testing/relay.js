// A relay in memory that a test holds in its hands, for `Regrant.open({ relay })`: it stops when it is told to, and
// whoever runs it may read and change everything that it keeps, as the operator of a relay can.
import { badInput } from "../errors.js";
import { Faults, Stopped } from "./faults.js";
import { ACTS } from "./acts.js";
import { Records } from "./records.js";

export class TestRelay {
  #records;
  #lies = new Set();
  #delay = 0;
  faults;

  constructor({ faults = new Faults(), over = new Records() } = {}) {
    this.faults = faults;
    this.#records = over;
  }

  // ---- what the package asks ----

  async get(keys) {
    await this.#wait();
    return keys.map((key) => this.#told({ key }, this.#records.get(key)));
  }

  async list(prefix, after, limit) {
    await this.#wait();
    const rows = this.#records.list(prefix, after, limit);
    return rows.map((row) => this.#told({ key: row.key, listed: true }, row)).filter((row) => row !== undefined);
  }

  async commit(writes) {
    await this.#wait();
    return this.faults.write(() => this.#records.commit(writes));
  }

  async putParts(item, parts) {
    await this.#wait();
    return this.faults.write(() => this.#records.putParts(item, parts));
  }

  async getParts(item, names) {
    await this.#wait();
    return names.map((name) => this.#told({ item, name }, this.#records.part(item, name)));
  }

  async countParts(item) {
    await this.#wait();
    return this.#records.partNames(item).length;
  }

  async dropParts(item) {
    await this.#wait();
    return this.faults.write(() => this.#records.dropParts(item));
  }

  async #wait() {
    if (this.#delay > 0) await new Promise((done) => setTimeout(done, this.#delay));
    this.faults.read();
    for (const lie of this.#lies) if (lie.refuse) throw new Stopped(lie.refuse);
  }

  /** What is answered for a record or a part: what is there, unless some act says otherwise. */
  #told(what, truth) {
    let told = truth;
    for (const lie of this.#lies) if (lie.tell) told = lie.tell(what, told, this);
    return told;
  }

  // ---- what its operator does ----

  /** The keys of all records. */
  get keys() {
    return this.#records.keys();
  }

  /** A record's value, parsed; `undefined` if there is none. */
  read(key) {
    const found = this.#records.get(key);
    return found && JSON.parse(found.value);
  }

  /** Puts a value in place of a record's; `undefined` removes it. */
  write(key, value) {
    this.#records.set(key, value === undefined ? undefined : JSON.stringify(value));
  }

  /** A record of a login, by the beginning of its key: `identity`, `head` …; `/` and `%` in logins are escaped in keys. */
  of(kind, login) {
    return `${kind}/${login.replaceAll("%", "%25").replaceAll("/", "%2F")}`;
  }

  /** The names of the parts of a file; each part; and another in its place. */
  partNames(item) {
    return this.#records.partNames(item);
  }

  part(item, name) {
    return this.#records.part(item, name);
  }

  setPart(item, name, bytes) {
    this.#records.setPart(item, name, bytes);
  }

  snapshot() {
    return this.#records.snapshot();
  }

  restore(snapshot) {
    this.#records.restore(snapshot);
  }

  /** The same relay as another program sees it: what it is told, and whether it is answered, is its own. */
  view(o) {
    return new TestRelay({ ...o, over: this.#records });
  }

  /** Answers only after so many milliseconds. */
  delay(milliseconds) {
    this.#delay = milliseconds;
  }

  /** Commits an act, from now until what it gives back is called, or `behave`. See `ACTS` for what there is. */
  misbehave(act, how = {}) {
    if (!Object.hasOwn(ACTS, act)) throw badInput(`there is no act ${JSON.stringify(act)}: ${Object.keys(ACTS).join(", ")}`);
    const lie = ACTS[act](this, how);
    this.#lies.add(lie);
    return () => this.#lies.delete(lie);
  }

  /** Tells the truth again. What an act wrote remains. */
  behave() {
    this.#lies.clear();
    this.#delay = 0;
  }
}
