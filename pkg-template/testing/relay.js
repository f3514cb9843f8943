// A relay in memory that a test holds in its hands, for `Regrant.open({ relay })`: it stops when it is told to, and
// whoever runs it may read and change everything that it keeps, as the operator of a relay can.
import { badInput } from "../errors.js";
import { embeddedRelay } from "../relay/embedded.js";
import { ACTS } from "./acts.js";
import { Faults } from "./faults.js";
import { namesOf, segment } from "./names.js";
import { Kept } from "./records.js";
import { TestStorage } from "./storage.js";

export class TestRelay {
  #kept;
  #relay;
  origin;
  faults;
  /** What the rules see of what this relay keeps. */
  storage;

  constructor({ faults = new Faults(), over = new Kept(), origin } = {}) {
    this.origin = origin;
    this.faults = faults;
    this.#kept = over;
    this.storage = new TestStorage(over, faults);
    this.#relay = embeddedRelay(this.storage, { origin });
  }

  // ---- what the package asks ----

  call(...given) {
    return this.#relay.call(...given);
  }

  putParts(...given) {
    return this.#relay.putParts(...given);
  }

  getParts(...given) {
    return this.#relay.getParts(...given);
  }

  subscribe(...given) {
    return this.#relay.subscribe(...given);
  }

  /** The same relay, as a client knows it that calls it by some id: see `relayId`. */
  as(id) {
    return this.#relay.as(id);
  }

  // ---- what its operator does ----

  /** The keys of all records. */
  get keys() {
    return this.#kept.keys();
  }

  /** A record's value, parsed; `undefined` if there is none. */
  read(key) {
    const found = this.#kept.records.get(key);
    return found && JSON.parse(found.value);
  }

  /**
   * Puts a value in place of a record's; `undefined` removes it. `index`: the names under which it can be found. Without,
   * it is found by what it says, or as before.
   */
  write(key, value, index = this.#namesOf(key, value)) {
    this.#kept.change({ writes: [{ key, value: value === undefined ? undefined : JSON.stringify(value), index }] });
  }

  #namesOf(key, value) {
    const names = namesOf(key, value, (other) => this.read(other));
    return names.length > 0 ? names : this.#kept.records.get(key)?.index;
  }

  /** Adds a record to a log, whose entries' keys begin with `log`. */
  append(log, value, index) {
    this.#kept.change({ appends: [{ log, value: JSON.stringify(value), index }] });
  }

  /** A record of a login, by the beginning of its key: `identity`, `head` …; `/` and `%` in logins are escaped in keys. */
  of(kind, login) {
    return `${kind}/${segment(login)}`;
  }

  /** The names of the parts of a file; each part; and another in its place. */
  partNames(item) {
    return this.#kept.parts.names(item);
  }

  part(item, name) {
    return this.#kept.parts.get(item, name);
  }

  setPart(item, name, bytes) {
    this.#kept.parts.set(item, name, bytes);
  }

  snapshot() {
    return this.#kept.snapshot();
  }

  restore(snapshot) {
    this.#kept.restore(snapshot);
  }

  /** The same relay as another program sees it: what it is told, and whether it is answered, is its own. */
  view(o) {
    return new TestRelay({ origin: this.origin, ...o, over: this.#kept });
  }

  /** Answers only after so many milliseconds. */
  delay(milliseconds) {
    this.storage.delay = milliseconds;
  }

  /** Commits an act, from now until what it gives back is called, or `behave`. See `ACTS` for what there is. */
  misbehave(act, how = {}) {
    if (!Object.hasOwn(ACTS, act)) throw badInput(`there is no act ${JSON.stringify(act)}: ${Object.keys(ACTS).join(", ")}`);
    const lie = ACTS[act](this, how);
    this.storage.lies.add(lie);
    return () => this.storage.lies.delete(lie);
  }

  /** Tells the truth again. What an act wrote remains. */
  behave() {
    this.storage.lies.clear();
    this.storage.delay = 0;
  }
}
