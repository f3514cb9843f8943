// A relay at an address, as docs/http.md says: one request for each call. It knows nothing of keys; of operations it knows
// which of them log somebody in, and which change nothing.
import { RegrantError, badInput } from "../errors.js";
import { Changes } from "./changes.js";
import { framed, unframed } from "./framing.js";
import { Requests, json } from "./requests.js";
import { UserToken } from "./user-token.js";

/** Operations that can be carried out twice, with no more come of it: all others go with a key by which they are known. */
const READING = new Set(
  ("identities ownKeysets reach sharing access between head pieces profile directory openings asked askedOf readers " +
    "revocations grantsTo grants exchanges sync notifications notification challenge").split(" "),
);
/** Operations with which a user's token goes, and whose login each is about. */
const LOGGING_IN = {
  register: ({ new: { keyset } }) => keyset.login,
  reset: ({ new: { keyset } }) => keyset.login,
  login: ({ login }) => login,
  loginSecret: ({ login }) => login,
};
/** Those for which keys alone are no proof. */
const VOUCHED_FOR = ["register", "reset"];
const JSON_ONLY = { "content-type": "application/json", "accept": "application/json" };
const BYTES = "application/octet-stream";

/** The longest request, in characters: relays take 8 MiB. */
const LONGEST = 6 << 20;
/** As many as a relay keeps of one login. */
const MOST_SESSIONS = 256;

const logsIn = ({ op }) => Object.hasOwn(LOGGING_IN, op);
const isRefusal = (code) => code === "ERR_TOKEN_EXPIRED" || code === "ERR_UNAUTHENTICATED";

/** By which a relay knows a request again: nobody can guess it. */
const freshKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const bearer = (token) => (token === undefined ? {} : { authorization: `Bearer ${token}` });

export class HttpRelay {
  #origin;
  #requests;
  #user;
  #changes;
  /** Whose session each token is, of those that were given last. */
  #logins = new Map();
  /** Who hears whether the relay is reached, and whether it was. */
  #watching = new Set();
  #online = true;

  /**
   * @param {{ url: URL, application: string, token?: string | Function, fetch?: typeof fetch, timing?: object }} o
   *   `timing`: of requests and streams, in milliseconds, where it is not as usual
   */
  constructor({ url, application, token, fetch = globalThis.fetch, timing = {} }) {
    if (typeof fetch !== "function") throw badInput("there is no fetch here: give one as the option fetch");
    this.#origin = url.origin;
    const address = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
    const base = `${address}/v1/${encodeURIComponent(application)}`;
    const told = (online) => this.#tell(online);
    this.#requests = new Requests({ base, address, fetch, told, ...timing });
    this.#user = token === undefined ? undefined : new UserToken(token);
    this.#changes = new Changes({ base, fetch, told, ...timing });
  }

  get origin() {
    return this.#origin;
  }

  async call(token, operations) {
    let session = token;
    const answers = [];
    // One request, but for what is too long for one: each operation is answered by itself, and the session goes on.
    for (const some of inRequests(operations)) {
      const given = await this.#carryOut(session, some);
      if (given.length !== some.length) return given;
      session = this.#noteSessions(session, some, given);
      answers.push(...given);
    }
    return answers;
  }

  async putParts(token, item, parts) {
    await this.#requests.post(`parts/${item}/put`, {
      headers: { ...bearer(token), "content-type": BYTES },
      body: framed(parts),
      read: ({ status }) => (status === 204 ? true : undefined),
    });
  }

  async getParts(token, item, basis, names) {
    const found = await this.#requests.post(`parts/${item}/get`, {
      headers: { ...bearer(token), ...JSON_ONLY, accept: `${BYTES}, application/json` },
      body: JSON.stringify({ basis, names }),
      read: ({ ok, headers }, body) => (ok && headers.get("content-type")?.startsWith(BYTES) ? body : undefined),
    });
    const parts = partsOf(found, names.length);
    if (parts.length !== names.length || parts.some(([name], at) => name !== names[at])) throw otherParts();
    return parts.map(([, bytes]) => bytes);
  }

  subscribe(login, listener) {
    return this.#changes.subscribe(login, listener);
  }

  /** Calls `listener` when the relay is not reached any more, and when it is again; gives what ends that. */
  watch(listener) {
    this.#watching.add(listener);
    return () => void this.#watching.delete(listener);
  }

  close() {
    this.#requests.close();
    this.#changes.close();
  }

  #tell(online) {
    if (this.#online === online) return;
    this.#online = online;
    for (const listener of [...this.#watching]) listener(online ? "online" : "offline");
  }

  async #carryOut(token, operations) {
    const key = operations.every(({ op }) => READING.has(op)) ? {} : { "idempotency-key": freshKey() };
    const body = JSON.stringify(operations);
    const send = async (user) => {
      let repeated;
      const answers = await this.#requests.post("call", {
        headers: { ...JSON_ONLY, ...bearer(token), ...key, ...(user !== undefined && { "regrant-user-token": user }) },
        body,
        // Each operation is answered by itself, whatever the status says of the first that was refused.
        read: (_, answer, again) => ((repeated = again), answersOf(json(answer))),
      });
      // What a login signs is taken once: the first time it may have been, and its answer was lost.
      if (repeated && operations.some(({ op }, at) => op === "login" && answers[at]?.refused !== undefined)) throw lostLogin();
      return answers;
    };
    if (this.#user === undefined || !operations.some(logsIn)) return send();
    return this.#vouchedFor(operations, send);
  }

  /** Sends with a user's token; once more with another if the first is refused. What was done before is not done twice. */
  async #vouchedFor(operations, send) {
    // Keys are proof enough of who logs in: if the application is away, they go without.
    const goOn = (error) => {
      if (error.code !== "ERR_UNAUTHENTICATED" || operations.some(({ op }) => VOUCHED_FOR.includes(op))) throw error;
    };
    const user = await this.#user.current().catch(goOn);
    const first = await send(user).catch((error) => error);
    const isError = first instanceof Error;
    if (isError && !isRefusal(first.code)) throw first;
    if (isError || operations.some((operation, at) => logsIn(operation) && isRefusal(first[at]?.refused))) {
      const another = await this.#user.inPlaceOf(user);
      if (another !== undefined) return send(another);
    }
    if (isError) throw first;
    return first;
  }

  /** Of each login the newest session is what hears of changes. Gives the session that the next request goes on with. */
  #noteSessions(token, operations, answers) {
    let session = token;
    for (const [at, operation] of operations.entries()) {
      const answer = answers[at];
      if (answer?.reply !== "session" || typeof answer.token !== "string") continue;
      // Renewing one's own keys goes on in a new session.
      const login = LOGGING_IN[operation.op]?.(operation) ?? this.#logins.get(session);
      session = answer.token;
      if (login === undefined) continue;
      this.#logins.set(session, login);
      if (this.#logins.size > MOST_SESSIONS) this.#logins.delete(this.#logins.keys().next().value);
      this.#changes.begin(login, session);
    }
    return session;
  }
}

/** Operations in as few requests as they fit into. One that is too long goes alone, and is refused. */
function inRequests(operations) {
  const requests = [];
  let length = Infinity;
  for (const operation of operations) {
    const more = JSON.stringify(operation).length;
    length += more;
    if (length > LONGEST) {
      requests.push([]);
      length = more;
    }
    requests.at(-1).push(operation);
  }
  return requests;
}

const otherParts = (cause) => new RegrantError("ERR_RELAY_UNAVAILABLE", "the relay gave other parts of a file than it was asked for", { retryable: true, cause });

/** The parts that a relay gave, which may be anything. */
function partsOf(bytes, most) {
  try {
    return unframed(bytes, most);
  } catch (cause) {
    throw otherParts(cause);
  }
}

const lostLogin = () => new RegrantError("ERR_RELAY_UNAVAILABLE", "the relay's answer to logging in was lost: try again", { retryable: true });
const isAnswer = (answer) => typeof answer?.reply === "string" || typeof answer?.refused === "string";
const answersOf = (said) => (Array.isArray(said) && said.every(isAnswer) ? said : undefined);
