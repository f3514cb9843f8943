// One application on one device: opens an engine, a store and a relay, and connects logins over them.
import { Handle, assertWanted, call } from "./calls.js";
import { RegrantError, badInput } from "./errors.js";
import * as input from "./input.js";
import { derivePassword } from "./kdf.js";
import { ready } from "./load.js";
import { deciding } from "./policy.js";
import { Session } from "./session.js";
import { SignOut } from "./sign-out.js";
import { openStore, storeOption } from "./store/open.js";

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** What passing over in silence would harm. */
const NOT_YET = ["offline", "authSecretProvider", "loginUsername", "initialSecret", "cacheSecrets"];
const OPTIONS = ["name", "application", "relayId", "kdf", "engine", "trust", "store", "relay", "token", "fetch"];

/** The options of `open`, checked, with their defaults. */
function settings(given) {
  for (const option of NOT_YET) {
    if (given[option] !== undefined) throw badInput(`the option ${option} is not supported by this version`);
  }
  input.known(given, "the options argument", OPTIONS);
  return {
    ...relaySettings(given),
    application: input.name(given.application, "application"),
    kdf: input.optional(input.kdf, given.kdf),
    engine: input.optional(input.oneOf, given.engine, "engine", ["auto", "webcrypto", "rust"]) ?? "auto",
    trust: input.optional(input.func, given.trust, "trust"),
    store: storeOption(given.store),
  };
}

/** Which relay, and what it is called. */
function relaySettings(given) {
  const name = input.optional(input.text, given.name, "name") ?? "default";
  if (!NAME.test(name)) throw badInput("name has 1 to 64 characters of A-Z, a-z, 0-9, ., _ and -");
  const relay = relayOption(given.relay === undefined ? "embedded" : given.relay);
  const relayId = input.optional(input.name, given.relayId, "relayId") ?? idOf(relay, name);
  return { name, relay, relayId, ...overHttp(given, relay) };
}

/** What only a relay at an address is told. */
function overHttp({ token, fetch }, relay) {
  if (!(relay instanceof URL) && (token !== undefined || fetch !== undefined)) throw badInput("token and fetch are for a relay at an address");
  if (typeof token !== "string") input.optional(input.func, token, "token");
  return { token, fetch: input.optional(input.func, fetch, "fetch") };
}

/**
 * What a relay is called where the application does not say: an object its origin, if it has one, and the relay of this
 * browser its name. That of a folder is known by many names.
 */
function idOf(relay, name) {
  if (relay === "embedded") return `embedded:${name}`;
  return input.optional(input.name, relay.origin, "relay.origin") ?? "embedded:default";
}

const METHODS = ["call", "putParts", "getParts", "subscribe"];
const STORAGE = ["read", "commit", "putParts", "getParts", "countParts", "dropParts"];

/** An address, without what would be passed over in silence, or be a secret in it. */
function addressOf(relay) {
  let url;
  try {
    url = new URL(relay);
  } catch {
    throw badInput('relay is "embedded", or an address that begins with https:// (in a page, new URL("/relay", location) is one)');
  }
  if (!["https:", "http:"].includes(url.protocol)) throw badInput("the address of a relay begins with https:// or http://");
  if (url.username || url.password || url.search || url.hash) throw badInput("the address of a relay has no user, password, ? or #");
  return url;
}

/** The option `relay`, checked: "embedded", an address, `{ directory }`, `{ storage }`, or an object that one talks to. */
function relayOption(relay) {
  if (relay === "embedded") return relay;
  if (typeof relay === "string" || relay instanceof URL) return addressOf(relay);
  const given = typeof relay === "object" && relay !== null ? relay : {};
  const missing = METHODS.filter((method) => !input.hasMethod(given, method));
  if (missing.length === 0) return given;
  const { directory, storage } = input.own(given);
  if (typeof directory === "string" && directory !== "") return input.own({ directory: input.text(directory, "relay.directory") });
  if (typeof storage === "object" && storage !== null) {
    const lacks = STORAGE.filter((method) => !input.hasMethod(storage, method));
    if (lacks.length === 0) return input.own({ storage });
    throw badInput(`relay.storage lacks ${lacks.join(", ")}: see RelayStorage`);
  }
  const half = missing.length < METHODS.length ? ` (this object lacks ${missing.join(", ")})` : "";
  throw badInput(`relay is "embedded", an address, in Node { directory }, { storage }, or an object that one talks to${half}: see docs/guides/relay.md`);
}

/** Whether a relay, as `relayOption` gave it, runs here. One that is talked to may have properties of any name beside. */
const isEmbedded = (relay) => relay === "embedded" || !(relay instanceof URL || input.hasMethod(relay, "call"));

/** Its code is loaded only where there is one. */
async function embedded(relay, name, id) {
  const { open } = await import("./relay/open.js");
  return (await open(relay, name)).as(id);
}

/** The embedded relay, for whoever stands between it and its clients. */
export async function openRelay(o) {
  const { name, relay, relayId } = relaySettings(input.options(o, ["name", "relay", "relayId"]));
  if (!isEmbedded(relay)) throw badInput('relay is "embedded", in Node { directory }, or { storage }');
  return embedded(relay, name, relayId);
}

/** What the core talks to. */
async function relayOf({ relay, name, relayId: id, application, token, fetch }) {
  if (relay instanceof URL) {
    const { HttpRelay } = await import("./relay/http.js");
    return new HttpRelay({ url: relay, application, token, fetch });
  }
  if (isEmbedded(relay)) return embedded(relay, name, id);
  // A relay of the package's own goes by the id that its client is configured with.
  return guarded(typeof relay.as === "function" ? relay.as(id) : relay);
}

/** The caller's object, whose answers are plain before the core reads them: a getter that throws would do so inside. */
function guarded(relay) {
  return {
    call: async (token, operations) => Array.from(await relay.call(token, operations)),
    putParts: async (token, item, parts) => relay.putParts(token, item, parts),
    getParts: async (token, item, basis, names) => Array.from(await relay.getParts(token, item, basis, names)),
    subscribe: (login, listener) => relay.subscribe(login, listener),
  };
}

export class Regrant {
  #handle;
  #settings;
  #signOut;
  #relay;
  #closed = false;
  /** What stores what sessions noted: see `Session`. */
  #unkept = new Set();

  /** Made by `open` only. */
  constructor(raw, settings, place, relay) {
    if (settings?.application === undefined) throw badInput("use await Regrant.open()");
    this.#handle = new Handle(raw);
    this.#settings = settings;
    this.#signOut = new SignOut(place);
    // Only one of the package's own says whether it is reached, and has something to end.
    this.#relay = settings.relay instanceof URL ? relay : undefined;
  }

  static async open(o) {
    const chosen = settings(o === undefined ? input.own() : input.object(o, "the options argument"));
    const core = await ready();
    if (chosen.kdf) await call(() => core.checkKdf(JSON.stringify(chosen.kdf)));
    if (chosen.engine !== "rust" && !core.hasSubtle()) {
      throw new RegrantError("ERR_INSECURE_CONTEXT", 'crypto.subtle is missing: serve the page over HTTPS, or ask for engine: "rust"');
    }
    const { name, application, relayId, engine } = chosen;
    const store = await openStore(chosen.store, name);
    const relay = await relayOf(chosen);
    const config = input.own({ name, application, engine, store: store.kind, relayId });
    const decide = chosen.trust && deciding(chosen.trust);
    return new Regrant(await call(() => core.Core.open(config, relay, store.given, decide)), chosen, store.place, relay);
  }

  async connect(who, o) {
    const login = input.login(input.object(who, "the first argument").login);
    const secret = input.secret(who, "the first argument", undefined, ["login"]);
    const given = input.options(o, ["register", "reset", "signal"]);
    const register = input.optional(input.boolean, given.register, "register") ?? true;
    const reset = input.optional(input.boolean, given.reset, "reset") ?? false;
    const signal = input.optional(input.signal, given.signal);
    assertWanted(signal);
    this.#assertOpen();
    const vault = await this.#toVault(login, secret, signal);
    this.#assertOpen();
    const connecting = this.#handle.call((raw) => raw.connect(login, vault, register, reset));
    if (!signal) return this.#begin(await connecting);
    return this.#begin(await this.#unlessAborted(connecting, signal));
  }

  async resume(login) {
    input.optional(input.login, login);
    this.#assertOpen();
    await this.#keep();
    const raw = await this.#handle.call((core) => core.resume(login));
    return raw ? this.#begin(raw) : null;
  }

  async loseKeys(login) {
    input.login(login);
    this.#assertOpen();
    const done = this.#signOut.begin(login);
    await this.#handle.call((raw) => raw.loseKeys(login));
    done();
  }

  async close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#signOut.close();
    await this.#keep();
    try {
      await this.#handle.call((raw) => raw.close());
    } finally {
      this.#relay?.close();
    }
  }

  async #keep() {
    await Promise.all([...this.#unkept].map((keep) => keep()));
  }

  #assertOpen() {
    if (this.#closed) throw new RegrantError("ERR_NOT_CONNECTED", "this Regrant is closed: open another");
  }

  /** A secret as the core takes it: a password becomes the vault secret. */
  async #toVault(login, secret, signal) {
    if (secret.password === undefined) return secret;
    const { application, kdf, engine } = this.#settings;
    const { vaultSecret } = await derivePassword({ password: secret.password, application, login, kdf, engine }, signal);
    return { vaultSecret };
  }

  /** Rejects at the abort; a core session that comes later ends at once. */
  async #unlessAborted(connecting, signal) {
    try {
      return await call(() => connecting, signal);
    } catch (error) {
      if (signal.aborted) connecting.then((raw) => raw.end(), () => {});
      throw error;
    }
  }

  #begin(raw) {
    if (this.#closed) raw.end();
    this.#assertOpen();
    this.#signOut.watch(raw);
    return new Session(raw, {
      toVault: (login, secret) => this.#toVault(login, secret),
      signingOut: (login) => this.#signOut.begin(login),
      unkept: this.#unkept,
      watch: (listener) => this.#relay?.watch(listener) ?? (() => {}),
    });
  }
}
