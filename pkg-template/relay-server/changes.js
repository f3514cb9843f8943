// What a server tells of a login's changes: server-sent events, or one answer that is waited for. What is told is only how
// far the log goes, so a slow reader is told the newest, and nothing queues up.
import { Refusal, answer, jsonAnswer } from "./messages.js";

/** As often something is written, so that connections stay; then what other processes changed is looked for, too. */
const BEAT_MS = 15_000;
const LONGEST_WAIT_S = 55;
const EVENTS = { "content-type": "text/event-stream", "cache-control": "no-store, no-transform", "x-accel-buffering": "no" };

/** The log of a session's login. */
class Log {
  #relay;
  #token;
  login;
  head;

  constructor(relay, token) {
    [this.#relay, this.#token] = [relay, token];
  }

  /** Whose session it is. Errors: what the session is refused with. */
  async open() {
    const { keysets } = await this.#ask({ op: "ownKeysets" });
    this.login = keysets[0].keyset.login;
    return this;
  }

  /** Reads how far the log goes. */
  async look() {
    this.head = (await this.#ask({ op: "sync" })).next;
  }

  async #ask(operation) {
    const [reply] = await this.#relay.call(this.#token, [operation]);
    if (reply.refused !== undefined) throw new Refusal(reply.refused, reply.message);
    return reply;
  }

  get said() {
    return { login: this.login, head: this.head };
  }
}

/** Waiting that somebody else, or the end of everything, cuts short. */
class Bell {
  #rung = false;
  #ring = () => {};

  ring() {
    this.#rung = true;
    this.#ring();
  }

  async wait(milliseconds) {
    let timer;
    if (!this.#rung) {
      await new Promise((resolve) => {
        this.#ring = resolve;
        timer = setTimeout(resolve, milliseconds);
      });
    }
    clearTimeout(timer);
    this.#rung = false;
  }
}

/** Those who listen, each of whom is ended with the relay. */
export class Listeners {
  #ends = new Set();
  #closed = false;

  close() {
    this.#closed = true;
    for (const end of [...this.#ends]) end();
  }

  /** A stream of events: the first at once, then one whenever the log goes further. */
  async stream(relay, token, { beat = BEAT_MS } = {}) {
    const log = await new Log(relay, token).open();
    const { bell, isOver, end } = this.#listen(relay, log.login);
    const encoder = new TextEncoder();
    const said = (event) => encoder.encode(`event: ${event}\ndata: ${JSON.stringify(log.said)}\n\n`);
    let begun = false;
    const next = async () => {
      const [first, before] = [!begun, log.head];
      begun = true;
      if (!first) await bell.wait(beat);
      if (isOver()) return undefined;
      await log.look();
      if (first) return said("open");
      return log.head === before ? encoder.encode(":\n\n") : said("change");
    };
    const body = new ReadableStream({
      async pull(controller) {
        // The session ended, or the relay stops: the client logs in anew, or comes back.
        const text = await next().catch(() => undefined);
        if (text !== undefined) return controller.enqueue(text);
        end();
        controller.close();
      },
      cancel: end,
    });
    return answer(200, body, EVENTS);
  }

  /** Answers once the log does not end at `after`, or so many seconds passed. */
  async wait(relay, token, query, signal) {
    const [after, wait] = [number(query, "after", Number.MAX_SAFE_INTEGER) ?? 0, number(query, "wait", LONGEST_WAIT_S) ?? 0];
    const log = await new Log(relay, token).open();
    const { bell, isOver, end } = this.#listen(relay, log.login);
    signal?.addEventListener("abort", end, { once: true });
    try {
      await log.look();
      // A number that the log never reached is of another relay, or of before a backup: there is news at once.
      const isKnown = () => after > 0 && log.head === after;
      for (const until = performance.now() + wait * 1000; isKnown() && !isOver(); await log.look()) {
        const left = until - performance.now();
        if (left <= 0) break;
        await bell.wait(Math.min(left, BEAT_MS));
      }
      return jsonAnswer(200, log.said);
    } finally {
      signal?.removeEventListener("abort", end);
      end();
    }
  }

  #listen(relay, login) {
    const bell = new Bell();
    let over = this.#closed;
    const stop = relay.subscribe(login, () => bell.ring());
    const end = () => {
      over = true;
      this.#ends.delete(end);
      stop();
      bell.ring();
    };
    this.#ends.add(end);
    return { bell, isOver: () => over, end };
  }
}

function number(query, name, most) {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!(value <= most)) throw new Refusal("ERR_BAD_INPUT", `${name} is a whole number up to ${most}`);
  return value;
}
