// The embedded relay: the rules run here, over a storage. The rules say what to read and what to write, step by step
// (relay/src/call.rs); this carries the steps out, and tells listeners what changed.
import { RegrantError, badInput, isTrap, report } from "../errors.js";
import { failure } from "./failure.js";
import { loaded, restart } from "./rules.js";

/** The rules, as they are loaded now; after a trap they are made anew. */
let rules;

async function theRules() {
  const { Rules } = await loaded();
  rules ??= new Rules();
  return rules;
}

/** What calls into the module throws: its own errors are plain objects. */
function thrown(error) {
  if (isTrap(error)) {
    rules = undefined;
    restart();
    return new RegrantError("ERR_RELAY_UNAVAILABLE", "the embedded relay stopped in the middle of a call, which is a bug", { cause: error, retryable: true });
  }
  return typeof error?.code === "string" && !(error instanceof Error) ? new RegrantError(error.code, error.message) : error;
}

const ITEM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A part's name as the rules take it. They know no other than it is kept by: each part has one. */
const partOf = (name) => (/^[0-9]{10}$/.test(name) ? { chunk: Number(name) } : name);

/** Throws for what the storage would keep otherwise than it is asked for: on a server it is from anybody. */
function checkItem(item) {
  if (typeof item !== "string" || !ITEM.test(item)) throw badInput("an item's id is a UUID in lowercase");
}

/** What relays over one storage have in common, whatever each of their clients calls it. */
class Core {
  #storage;
  #listeners = new Set();
  #channel;
  /** Calls that lost a race wait for each other, so that each goes on. */
  #turn = Promise.resolve();

  constructor(storage, channel) {
    this.#storage = storage;
    if (channel !== undefined) this.#open(channel);
  }

  /** Hears of what other tabs change, and tells them. Where there are no channels they find out when they ask. */
  #open(name) {
    if (typeof BroadcastChannel !== "function") return;
    this.#channel = new BroadcastChannel(name);
    // What another script of this origin posts is only ever a reason to look.
    this.#channel.onmessage = ({ data }) => Array.isArray(data) && this.#wake(data);
    // In Node an open channel would keep the process alive.
    this.#channel.unref?.();
  }

  subscribe(login, listener) {
    const entry = { login, listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  #wake(logins) {
    for (const { login, listener } of [...this.#listeners]) {
      if (!logins.includes(login)) continue;
      try {
        listener();
      } catch (error) {
        report(error);
      }
    }
  }

  #announce(logins) {
    if (logins.length === 0) return;
    this.#wake(logins);
    try {
      this.#channel?.postMessage(logins);
    } catch {
      // Others look when they ask.
    }
  }

  /** Asks the storage. */
  async #ask(method, ...given) {
    try {
      return await this.#storage[method](...given);
    } catch (cause) {
      throw failure(cause);
    }
  }

  async #read(questions) {
    const kept = questions.filter(({ parts }) => parts === undefined);
    const answers = kept.length > 0 ? await this.#ask("read", kept) : [];
    if (!Array.isArray(answers) || answers.length !== kept.length) throw failure(new TypeError("read gave no answer for each question"));
    const next = answers.values();
    return Promise.all(questions.map(({ parts }) => (parts === undefined ? next.next().value : this.#ask("countParts", parts))));
  }

  async #commit({ commit, dropped, abandoned }) {
    for (const item of dropped) await this.#ask("dropParts", item);
    const made = await this.#ask("commit", commit);
    if (typeof made !== "boolean") throw failure(new TypeError("commit gave neither true nor false"));
    // It is done: what cannot be dropped now is bytes that nobody can open.
    if (made) for (const item of abandoned) await this.#ask("dropParts", item).catch(() => {});
    return made;
  }

  /** `options`: of the rules (relay/src/options.rs), but for what time it is. */
  async carryOut(token, operations, options) {
    const rules = await theRules();
    let call;
    let release;
    try {
      call = rules.call(token, JSON.stringify(operations), { ...options, now: Date.now() });
      for (;;) {
        const step = call.step();
        if (step.done !== undefined) {
          this.#announce(step.touched);
          return JSON.parse(step.done);
        }
        if (step.read !== undefined) {
          call.answer(await this.#read(step.read));
        } else {
          const made = await this.#commit(step);
          call.committed(made);
          if (!made) release ??= await this.#nextTurn();
        }
      }
    } catch (error) {
      throw thrown(error);
    } finally {
      release?.();
      try {
        call?.free();
      } catch {
        // It went with a module that trapped.
      }
    }
  }

  /** Waits for the calls that lost a race before; gives what lets the next one go on. */
  async #nextTurn() {
    let release;
    const before = this.#turn;
    this.#turn = new Promise((resolve) => (release = resolve));
    await before;
    return release;
  }

  putParts(item, parts) {
    return this.#ask("putParts", item, parts);
  }

  async getParts(item, names) {
    const found = await this.#ask("getParts", item, names);
    return Array.from(found, (bytes) => bytes ?? undefined);
  }
}

/** A relay in this page or process, as a client knows it that calls it by some id. */
class EmbeddedRelay {
  #core;
  #id;

  constructor(core, id) {
    this.#core = core;
    this.#id = id;
  }

  get origin() {
    return this.#id;
  }

  /** The same relay, by another id. */
  as(id) {
    return new EmbeddedRelay(this.#core, id);
  }

  call(token, operations) {
    return this.callWith(token, operations, {});
  }

  /**
   * The same, by a server that says more: what its operator settled, whose user token it verified, and the key by which a
   * request is known again.
   *
   * @param {{ settings?: object, user?: object, idempotencyKey?: string }} options
   */
  callWith(token, operations, options) {
    return this.#core.carryOut(token, operations, { ...options, relayId: this.#id });
  }

  async putParts(token, item, parts) {
    checkItem(item);
    const isPart = (part) => Array.isArray(part) && part[1] instanceof Uint8Array;
    if (!Array.isArray(parts) || !parts.every(isPart)) throw badInput("parts of a file are an array of names with Uint8Arrays");
    await this.#allowed(token, { op: "putParts", item, parts: parts.map(([name, bytes]) => [partOf(name), bytes.length]) });
    await this.#core.putParts(item, parts);
  }

  async getParts(token, item, basis, names) {
    checkItem(item);
    if (!Array.isArray(names)) throw badInput("names of parts are an array");
    await this.#allowed(token, { op: "getParts", item, basis, parts: names.map(partOf) });
    return this.#core.getParts(item, names);
  }

  /** Throws what the rules refuse with. */
  async #allowed(token, operation) {
    const [answer] = await this.call(token, [operation]);
    if (answer.refused === undefined) return;
    const { refused, message, logins, lasting } = answer;
    throw new RegrantError(refused, message, { logins, retryable: refused === "ERR_CONFLICT" && !lasting });
  }

  subscribe(login, listener) {
    return this.#core.subscribe(login, listener);
  }
}

/**
 * A relay over a storage.
 *
 * @param {import("../index.js").RelayStorage} storage
 * @param {{ origin?: string, channel?: string }} [o] by what id it is known; the name of the channel by which the tabs
 *   of a storage that they share tell each other
 * @returns {import("../index.js").Relay & { as(id: string): import("../index.js").Relay }}
 */
export function embeddedRelay(storage, { origin = "embedded:default", channel } = {}) {
  return new EmbeddedRelay(new Core(storage, channel), origin);
}
