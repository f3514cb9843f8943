// Who listens to a relay at an address, and the connections that this takes: one for each login, of all tabs together,
// while somebody listens and a session of that login is known.
import { report } from "../errors.js";
import { Shared, ifRoom } from "./sharing.js";
import { HeldBack, Refused, look, poll, stream } from "./stream.js";
import { backoff, pause } from "./waiting.js";

/** Between connections. */
const BETWEEN = { least: 500, first: 1_000, most: 60_000 };
/** Between questions, where too many connections wait already. */
const LOOKING = { least: 3_000, first: 6_000, most: 6_000 };
/** So many failures in a row mean that the relay is not reached. */
const IS_OFFLINE = 3;

export class Changes {
  #o;
  #logins = new Map();

  /** @param {{ base: string, fetch: typeof fetch, told: (online: boolean) => void, between?: object }} o and what `stream` takes */
  constructor(o) {
    this.#o = o;
  }

  subscribe(login, listener) {
    const watch = this.#of(login);
    // Not by the listener itself: one that is added twice hears twice.
    const entry = { listener };
    watch.add(entry);
    return () => watch.remove(entry);
  }

  /** A login has a new session. */
  begin(login, token) {
    this.#of(login).begin(token);
  }

  close() {
    for (const watch of this.#logins.values()) watch.close();
  }

  #of(login) {
    if (!this.#logins.has(login)) this.#logins.set(login, new Watch(login, this.#o));
    return this.#logins.get(login);
  }
}

/** Listening for one login. */
class Watch {
  #login;
  #o;
  #listeners = new Set();
  #token;
  /** Called when there is another token. */
  #renewed = () => {};
  /** How far the log goes, as far as was heard. */
  #head;
  /** Ends what runs; nothing runs without it. */
  #running;
  #shared;
  #closed = false;
  /** Whether events are held back on the way: then the relay is asked. */
  #asks = false;

  constructor(login, o) {
    [this.#login, this.#o] = [login, o];
  }

  add(entry) {
    this.#listeners.add(entry);
    this.#goOn();
  }

  remove(entry) {
    this.#listeners.delete(entry);
    if (this.#listeners.size === 0) this.#stop();
  }

  begin(token) {
    this.#token = token;
    this.#renewed();
    this.#goOn();
  }

  close() {
    this.#closed = true;
    this.#stop();
  }

  #stop() {
    this.#running?.abort();
    this.#running = undefined;
    this.#shared?.close();
    this.#shared = undefined;
  }

  #goOn() {
    if (this.#closed || this.#running || this.#token === undefined || this.#listeners.size === 0) return;
    this.#running = new AbortController();
    this.#shared = new Shared(`regrant/changes ${this.#o.base} ${this.#login}`, (message) => this.#hearOthers(message));
    this.#shared.tell({ asks: true });
    void this.#run(this.#running.signal, this.#shared);
  }

  async #run(signal, shared) {
    while (!signal.aborted) {
      await this.#hasToken(signal);
      // A session that ended makes room for another tab's.
      await shared.alone(signal, () => this.#connect(signal));
    }
  }

  #hasToken(signal) {
    if (this.#token !== undefined || signal.aborted) return undefined;
    return new Promise((resolve) => {
      this.#renewed = resolve;
      signal.addEventListener("abort", resolve, { once: true });
    });
  }

  /** Keeps a connection, through failures, as long as the session lasts. */
  async #connect(signal) {
    for (let failures = 0; !signal.aborted && this.#token !== undefined; ) {
      const token = this.#token;
      const hear = (head) => {
        failures = 0;
        this.#hear(head);
      };
      const how = { ...this.#o, token, signal, after: this.#head };
      const { waited = true, problem } = await this.#listen(how, hear).catch((problem) => ({ problem }));
      if (signal.aborted) return;
      if (problem instanceof HeldBack) this.#asks = true;
      if (problem instanceof Refused && [401, 403].includes(problem.status)) this.#ended(token);
      else if (problem !== undefined && ++failures === IS_OFFLINE) this.#o.told(false);
      if (this.#token === undefined) return;
      await this.#rest(failures, waited ? (this.#o.between ?? BETWEEN) : LOOKING, signal);
    }
  }

  /** Waits for changes until that ends; or looks for them once, where too many connections wait already. */
  async #listen(how, hear) {
    const waited = await ifRoom(new URL(how.base).origin, () => (this.#asks ? poll(how, hear) : stream(how, hear)));
    if (!waited) await look(how, hear);
    return { waited };
  }

  /** Waits before the next connection; where nobody looks, and the relay is not reached, until somebody does. */
  async #rest(failures, between, signal) {
    const sooner = new AbortController();
    const wake = () => sooner.abort();
    globalThis.addEventListener?.("online", wake);
    globalThis.document?.addEventListener("visibilitychange", wake);
    const hidden = failures >= IS_OFFLINE && globalThis.document?.visibilityState === "hidden";
    await pause(hidden ? 2 ** 31 - 1 : backoff(failures, between), signal, sooner.signal);
    globalThis.removeEventListener?.("online", wake);
    globalThis.document?.removeEventListener("visibilitychange", wake);
  }

  /** The session ended. Whoever listens asks the relay, logs in anew for that, and so there is another. */
  #ended(token) {
    if (this.#token !== token) return;
    this.#token = undefined;
    this.#wake();
  }

  /** What this tab's own connection said. */
  #hear(head) {
    this.#o.told(true);
    this.#shared?.tell({ head: head ?? this.#head });
    this.#noteHead(head);
  }

  #hearOthers({ asks, head }) {
    if (asks === true && this.#head !== undefined) this.#shared?.tell({ head: this.#head });
    this.#noteHead(head);
  }

  /** Also after a connection that failed: what happened meanwhile shows in the number. */
  #noteHead(head) {
    if (!Number.isSafeInteger(head) || head === this.#head) return;
    this.#head = head;
    this.#wake();
  }

  #wake() {
    for (const { listener } of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        report(error);
      }
    }
  }
}
