// Requests to a relay over HTTP: each is tried again where that is safe, for a while, and given up with an error that says
// what to do (trouble.js). It knows nothing of what is asked.
import { RegrantError } from "../errors.js";
import { Trouble, refused, tooSlow, unreachable, unreadable } from "./trouble.js";
import { Deadline, backoff, pause } from "./waiting.js";

/** How long is tried, and one attempt takes, in milliseconds. */
const PATIENCE_MS = 15_000;
const ATTEMPT_MS = 10_000;
/** Between attempts. */
const BETWEEN = { first: 200, most: 4_000 };
/** Bytes in a millisecond, on the slowest line that files are sent over. */
const SLOWEST = 32;
/** The most that a page may have under way when it is left. */
const KEPT_ALIVE = 60_000;

/** Nothing beside what is said goes along, and nothing is kept. A redirection would carry tokens elsewhere. */
export const QUIET = { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer", redirect: "manual" };

const isHidden = () => globalThis.document?.visibilityState === "hidden";

export class Requests {
  #base;
  #address;
  #fetch;
  #patience;
  #longest;
  #closed = new AbortController();
  #told;

  /**
   * @param {{ base: string, address: string, fetch: typeof fetch, patience?: number, attempt?: number, told: (online: boolean) => void }} o
   *   where requests go; how the relay is called in messages; and who hears whether it was reached
   */
  constructor({ base, address, fetch, told, patience = PATIENCE_MS, attempt = ATTEMPT_MS }) {
    [this.#base, this.#address, this.#fetch, this.#told] = [base, address, fetch, told];
    [this.#patience, this.#longest] = [patience, attempt];
  }

  /** Gives up what is under way, and takes no more. */
  close() {
    this.#closed.abort();
  }

  /**
   * Posts `body`, which may arrive more than once, and gives what `read` makes of the answer: of its JSON or bytes.
   *
   * @param {string} path
   * @param {{ headers: Record<string, string>, body: string | Uint8Array, read: (response: Response, body: Uint8Array, again: boolean) => unknown }} request
   *   `read` gives `undefined` for what is no answer; `again`: an earlier attempt may have arrived, too
   */
  async post(path, { headers, body, read }) {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    // What takes long to send is not tried for less.
    const [extra, began] = [bytes.length / SLOWEST, performance.now()];
    const left = () => this.#patience + extra - (performance.now() - began);
    for (let failures = 0; ; failures++) {
      const understand = (response, answer) => read(response, answer, failures > 0);
      const outcome = await this.#attempt(path, headers, bytes, understand, Math.max(1, Math.min(left(), this.#longest + extra)));
      if (!(outcome instanceof Trouble)) return outcome;
      const wait = outcome.after ?? backoff(failures, BETWEEN);
      if (!outcome.again || wait >= left() || this.#closed.signal.aborted) return this.#giveUp(outcome);
      await pause(wait, this.#closed.signal);
    }
  }

  async #attempt(path, headers, body, read, milliseconds) {
    if (this.#closed.signal.aborted) return new Trouble(new RegrantError("ERR_NOT_CONNECTED", "this Regrant is closed: open another"));
    const deadline = new Deadline(milliseconds, this.#closed.signal);
    const { signal } = deadline;
    const keepalive = isHidden() && body.length < KEPT_ALIVE;
    try {
      // By itself: as a method of something else browsers do not run it.
      const send = this.#fetch;
      const response = await send(`${this.#base}/${path}`, { ...QUIET, method: "POST", headers, body, signal, keepalive });
      const answer = await bodyOf(response, () => deadline.extend(milliseconds));
      return this.#understood(read(response, answer) ?? refused(response, json(answer), this.#address, body.length));
    } catch (cause) {
      return signal.aborted ? tooSlow(this.#address) : unreachable(this.#address, cause);
    } finally {
      deadline.end();
    }
  }

  /** Whoever answers as a relay does is there. */
  #understood(outcome) {
    if (!(outcome instanceof Trouble && outcome.away)) this.#told(true);
    return outcome;
  }

  async #giveUp(trouble) {
    if (this.#closed.signal.aborted || !trouble.away) throw trouble.error;
    this.#told(false);
    const { cause } = trouble.error;
    throw cause !== undefined && (await this.#isForbidden()) ? unreadable(this.#address, cause).error : trouble.error;
  }

  /** Whether the relay can be reached from this page, which only may not read what it answers. */
  async #isForbidden() {
    const { origin } = globalThis;
    if (globalThis.document === undefined || new URL(this.#base).origin === origin) return false;
    const deadline = new Deadline(2_000, this.#closed.signal);
    try {
      const send = this.#fetch;
      await send(this.#base, { ...QUIET, redirect: "follow", mode: "no-cors", signal: deadline.signal });
      return true;
    } catch {
      return false;
    } finally {
      deadline.end();
    }
  }
}

/** All that a response says; `more` is called whenever some of it came. */
async function bodyOf(response, more) {
  if (!response.body) return new Uint8Array(0);
  const pieces = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    more();
  }
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** What bytes say as JSON; `undefined` if that is nothing. */
export function json(bytes) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
