// A relay behind a server of one's own: what docs/http.md says, over the same rules as the embedded one. It knows Requests
// and Responses, and nothing of sockets.
import { RegrantError, badInput } from "../errors.js";
import { embeddedRelay } from "../relay/embedded.js";
import { framed, unframed } from "../relay/framing.js";
import { Listeners } from "./changes.js";
import { LONGEST, Refusal, answer, bodyOf, jsonAnswer, jsonOf, refusal, statusOf } from "./messages.js";
import { listenerOf } from "./listener.js";
import { checked } from "./options.js";
import { storageOf } from "./tenants.js";
import { userOf } from "./user-tokens.js";

const PATH = /\/v1\/([^/]+)\/(?:(call|changes)|parts\/([^/]+)\/(put|get))$/;
const METHODS = { call: "POST", changes: "GET", put: "POST", get: "POST" };
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;
const MOST_PARTS = 64;
/** What a key that came with something else before is refused with, by the rules. */
const OTHER_OPERATIONS = "this idempotency key came with other operations before";
const ADMINISTRATOR = "role/administrator";

export class ServedRelay {
  #o;
  /** The relay of each application, as a promise. */
  #relays = new Map();
  #listeners = new Listeners();
  #closed = false;

  constructor(o) {
    this.#o = checked(o);
    this.fetch = (request) => this.#fetch(request);
    this.listener = listenerOf(this.fetch);
  }

  async close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.close();
    await this.#o.storage.close?.();
  }

  async #fetch(request) {
    const response = await this.#answered(request).catch((error) => refusal(error, this.#o.onError).response);
    return this.#forPages(request, response);
  }

  async #answered(request) {
    const url = new URL(request.url);
    const [, application, what, item, how] = PATH.exec(url.pathname) ?? [];
    const action = what ?? how;
    if (action === undefined) throw new Refusal("ERR_NOT_FOUND", "a relay has nothing here: see docs/http.md");
    if (request.method === "OPTIONS") return answer(204, null);
    if (request.method !== METHODS[action]) throw new Refusal("ERR_BAD_INPUT", `this is asked by ${METHODS[action]}`, { status: 405, headers: { allow: METHODS[action] } });
    if (this.#closed) throw new Refusal("ERR_RELAY_UNAVAILABLE", "this relay is closing");
    const place = await this.#placeOf(decoded(application), url);
    const token = tokenOf(request);
    if (action === "call") return this.#call(place, token, request);
    if (action === "changes") return this.#changes(place, token, request, url.searchParams);
    return action === "put" ? put(place, token, decoded(item), request) : get(place, token, decoded(item), request);
  }

  /** An application's relay as it is called here, and what was settled for it. */
  async #placeOf(application, { origin, hostname }) {
    const { tenants, otherwise, publicUrl, relayId } = this.#o;
    const settings = tenants === undefined ? otherwise : tenants.get(application);
    if (settings === undefined) throw new Refusal("ERR_NOT_FOUND", "this relay does not serve this application");
    // Logins are bound to what a relay is called: whoever asks must not choose it, but on this machine.
    if (publicUrl === undefined && !LOOPBACK.test(hostname)) {
      throw new Refusal("ERR_RELAY_UNAVAILABLE", "this relay does not know its own address: its operator names it as publicUrl", { status: 421 });
    }
    const called = publicUrl ?? { origin, address: origin };
    const relay = await this.#relayOf(application, settings);
    return { application, settings, called, relay: relay.as(relayId ?? called.origin) };
  }

  #relayOf(application, settings) {
    if (!this.#relays.has(application)) {
      const begun = this.#begin(application, settings);
      begun.catch(() => this.#relays.delete(application));
      this.#relays.set(application, begun);
    }
    return this.#relays.get(application);
  }

  async #begin(application, { administrators }) {
    const storage = storageOf(this.#o.storage, application);
    if (administrators.length > 0) await name(storage, administrators);
    return embeddedRelay(storage);
  }

  async #call(place, token, request) {
    const { application, settings, called, relay } = place;
    const operations = await jsonOf(request, LONGEST.call);
    if (!Array.isArray(operations) || operations.length === 0) throw new Refusal("ERR_BAD_INPUT", "operations are an array of 1 to 256");
    const key = request.headers.get("idempotency-key");
    const brought = request.headers.get("regrant-user-token");
    // An application without keys vouches for nobody: what comes along says nothing.
    const user = brought === null || settings.keys.length === 0 ? undefined : userOf(brought, { application, audiences: [called.address, called.origin], keys: settings.keys });
    const { registration, reset, firstAdministers } = settings;
    const options = { settings: { registration, reset, firstAdministers }, ...(key !== null && { idempotencyKey: key }), ...(user && { user }) };
    const answers = await relay.callWith(token, operations, options);
    return jsonAnswer(statusOfAll(answers), answers);
  }

  #changes({ relay }, token, request, query) {
    if (token === undefined) throw new Refusal("ERR_UNAUTHENTICATED", "a session's token is missing");
    const asksForEvents = request.headers.get("accept")?.includes("text/event-stream") === true;
    return asksForEvents ? this.#listeners.stream(relay, token) : this.#listeners.wait(relay, token, query, request.signal);
  }

  /** Lets pages of other origins read what is answered, if they may. */
  #forPages(request, response) {
    const { origins } = this.#o;
    const origin = request.headers.get("origin");
    if (origin === null || !(origins === "*" || origins.includes(origin))) return response;
    const { headers } = response;
    headers.set("access-control-allow-origin", origins === "*" ? "*" : origin);
    headers.append("vary", "origin");
    headers.set("access-control-expose-headers", "retry-after");
    if (request.method !== "OPTIONS") return response;
    headers.set("access-control-allow-methods", "GET, POST");
    headers.set("access-control-allow-headers", "authorization, content-type, idempotency-key, regrant-user-token");
    headers.set("access-control-max-age", "86400");
    return response;
  }
}

/** Whom the operator names as administrators of an application, beside those that there are. */
async function name(storage, logins) {
  for (;;) {
    const [found] = await storage.read([{ record: ADMINISTRATOR }]);
    const before = found === undefined ? [] : [JSON.parse(found.value)].flat();
    const all = [...new Set([...before, ...logins])];
    if (all.length === before.length) return;
    const write = { key: ADMINISTRATOR, value: JSON.stringify(all) };
    if (await storage.commit({ records: [[ADMINISTRATOR, found?.rev ?? 0]], lists: [], writes: [write], appends: [] })) return;
  }
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal("ERR_BAD_INPUT", "the path of this request is not well-formed");
  }
}

function tokenOf(request) {
  const text = request.headers.get("authorization");
  const [, token] = /^Bearer ([\w.~+/=-]{1,1024})$/i.exec(text ?? "") ?? [];
  if (text !== null && token === undefined) throw new Refusal("ERR_UNAUTHENTICATED", "Authorization is Bearer, and a session's token");
  return token;
}

/** 200 if something was answered; else that of the first refusal. */
function statusOfAll(answers) {
  const [first] = answers;
  if (answers.some(({ refused }) => refused === undefined)) return 200;
  return first.refused === "ERR_BAD_INPUT" && first.message === OTHER_OPERATIONS ? 422 : statusOf(first.refused);
}

async function put({ relay }, token, item, request) {
  const parts = unframed(await bodyOf(request, "application/octet-stream", LONGEST.put));
  if (parts.length > MOST_PARTS) throw new Refusal("ERR_TOO_LARGE", `too many parts in one request: at most ${MOST_PARTS}`);
  if (parts.some(([, bytes]) => bytes === undefined)) throw badInput("a part that is kept has bytes");
  await relay.putParts(token, item, parts);
  return answer(204, null);
}

async function get({ relay }, token, item, request) {
  const { basis, names } = (await jsonOf(request, LONGEST.get)) ?? {};
  if (!Array.isArray(names) || names.length > MOST_PARTS || !names.every((name) => typeof name === "string")) {
    throw new RegrantError("ERR_BAD_INPUT", `names of parts are an array of at most ${MOST_PARTS}`);
  }
  const found = await relay.getParts(token, item, basis, names);
  return answer(200, framed(names.map((name, at) => [name, found[at]])), { "content-type": "application/octet-stream" });
}
