// Delegated access: an application asks somebody for something, once; the one who is asked sees who asks, and answers.
// The key that opens an answer is in this page's memory only.
import { assertWanted, reasonOf } from "./calls.js";
import { badInput, report } from "./errors.js";
import * as bytes from "./bytes.js";
import * as input from "./input.js";

/** How often an answer is looked for where nothing wakes us, in milliseconds. */
const LOOK_AGAIN = 2000;
/** How often an answer that was decided is given again where the relay was busy or away. */
const TRIES = 5;
/** How many pages of requests are looked through: a relay may name cursors for ever. */
const MAX_PAGES = 64;
/** The longest time that may be waited for, in milliseconds: what timers can count. */
const MAX_WAIT = 2 ** 31 - 1;

const shown = (asked) => {
  const { created, expires, scope, ...request } = input.own(asked);
  return {
    ...request,
    ...(scope === undefined ? {} : { scope }),
    created: new Date(created),
    expires: new Date(expires),
  };
};

/** A request that this session made. */
export class AccessRequest {
  #handle;
  #events;
  /** An answer that was taken, and that nobody was given yet: a wait that was taking it may have been aborted. */
  #taken;
  #taking;

  constructor(handle, events, about) {
    this.#handle = handle;
    this.#events = events;
    Object.assign(this, shown(about));
  }

  /** Takes the answer at the relay, which has it once. */
  #take() {
    if (this.#taken !== undefined) return Promise.resolve(this.#taken);
    const taking = async () => {
      try {
        return (this.#taken = await this.#handle.call((raw) => raw.take()));
      } finally {
        this.#taking = undefined;
      }
    };
    return (this.#taking ??= taking());
  }

  /** Waits for the answer, which is given once. */
  async wait(o) {
    const { signal, timeoutMs } = input.options(o, ["signal", "timeoutMs"]);
    const wanted = input.optional(input.signal, signal);
    const limit = input.optional(input.integer, timeoutMs, "timeoutMs", 0, MAX_WAIT);
    assertWanted(wanted);
    return new Promise((resolve, reject) => {
      let over = false;
      let again;
      const ends = [];
      const finish = (settle, value) => {
        over = true;
        clearTimeout(again);
        for (const end of ends) end();
        settle(value);
      };
      const look = async () => {
        clearTimeout(again);
        try {
          const answer = await this.#take();
          if (over) return;
          // Another wait was given it: it is given once, and the relay says so.
          if (answer !== undefined && this.#taken === undefined) return void turn();
          if (answer !== undefined) {
            this.#taken = undefined;
            this.status = "fetched";
            finish(resolve, answer);
          } else {
            // Keeps a process of Node alive: somebody waits.
            again = setTimeout(turn, LOOK_AGAIN);
          }
        } catch (error) {
          if (over) return;
          if (error?.retryable) again = setTimeout(turn, LOOK_AGAIN);
          else {
            if (error?.code === "ERR_FORBIDDEN") this.status = "refused";
            finish(reject, error);
          }
        }
      };
      // One look after the other: an answer is taken once.
      let looking = Promise.resolve();
      const turn = () => void (looking = looking.then(() => (over ? undefined : look())));
      if (wanted) {
        const aborted = () => finish(reject, reasonOf(wanted));
        wanted.addEventListener("abort", aborted, { once: true });
        ends.push(() => wanted.removeEventListener("abort", aborted));
      }
      if (limit !== undefined) {
        const late = () => finish(reject, new DOMException("nobody answered in time", "TimeoutError"));
        const timer = setTimeout(late, limit);
        ends.push(() => clearTimeout(timer));
      }
      ends.push(this.#events.on("access", turn));
      turn();
    });
  }
}

export class AccessRequests {
  #handle;
  #login;
  #events;

  constructor(handle, login, events) {
    this.#handle = handle;
    this.#login = login;
    this.#events = events;
  }

  async request(o) {
    const given = input.known(o, "the first argument", ["login", "application", "scope", "expires"]);
    const login = input.login(given.login);
    const application = input.optional(input.login, given.application, "application") ?? this.#login;
    const scope = input.optional(input.text, given.scope, "scope");
    const expires = input.optional(input.time, given.expires, "expires");
    if (expires !== undefined && expires <= Date.now()) throw badInput("expires is a point in time that is still to come");
    const origin = globalThis.location?.origin ?? "";
    const raw = await this.#handle.call((raw) => raw.requestAccess(login, application, origin === "null" ? "" : origin, scope, expires));
    return new AccessRequest(this.#handle.of(raw), this.#events, raw.about());
  }

  async resolve(request, o) {
    const { id, login } = input.object(request, "request");
    input.id(id);
    input.login(login);
    const { answer, refuse, verificationCode } = input.known(o, "the answer", ["answer", "refuse", "verificationCode"]);
    if ((answer === undefined) === (refuse === undefined)) throw badInput("give either answer or { refuse: true }");
    if (refuse !== undefined && refuse !== true) throw badInput("refuse is true");
    const given = answer === undefined ? undefined : bytes.uint8Array(answer, "answer", 64 << 10);
    const code = input.optional(input.text, verificationCode, "verificationCode");
    await this.#handle.call((raw) => raw.resolveAccess(login, id, given, code));
  }

  async list(login, o) {
    input.login(login);
    const { limit, cursor } = input.options(o, ["limit", "cursor"]);
    const many = input.optional(input.integer, limit, "limit", 1, 256);
    const from = input.optional(input.text, cursor, "cursor");
    const { items, cursor: next } = input.own(await this.#handle.call((raw) => raw.accessRequests(login, many, from)));
    return next === undefined ? { items: items.map(shown) } : { items: items.map(shown), cursor: next };
  }

  /** Every request by or to this login, up to what a relay may keep of them. */
  async #all() {
    const out = [];
    let cursor;
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const from = cursor;
      const page = input.own(await this.#handle.call((raw) => raw.accessRequests(this.#login, 256, from)));
      out.push(...page.items);
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    return out;
  }

  /** Asks `resolver` about each request to this login that comes in, and about those that wait already. */
  listen(resolver) {
    input.func(resolver, "resolver");
    const seen = new Set();
    let over = false;
    const look = async () => {
      for (const request of await this.#all().catch(() => [])) {
        const open = request.status === "pending" && request.login === this.#login && request.expires > Date.now();
        if (over || !open || seen.has(request.id)) continue;
        seen.add(request.id);
        // What the page decides may take as long as a person needs: others are asked about meanwhile.
        void this.#ask(resolver, shown(request));
      }
    };
    let turn = look();
    const stop = this.#events.on("access", () => void (turn = turn.then(look)));
    return () => {
      over = true;
      stop();
    };
  }

  async #answer(request, decided) {
    for (let left = TRIES; ; left--) {
      try {
        return await this.resolve(request, decided);
      } catch (error) {
        // Another tab, or another process, was faster; or it took too long.
        if (error?.code === "ERR_CONFLICT" && !error.retryable) return undefined;
        if (!error?.retryable || left === 0) throw error;
        await new Promise((done) => setTimeout(done, LOOK_AGAIN));
      }
    }
  }

  async #ask(resolver, request) {
    try {
      const decided = await resolver(request);
      // Nothing: it stays as it is, for later.
      if (decided === undefined) return;
      await this.#answer(request, decided);
    } catch (error) {
      report(error);
    }
  }
}
