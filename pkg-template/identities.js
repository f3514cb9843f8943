// `session.identities`: the sharing graph, everyone's public keys, and what identities say of themselves. Thin on purpose:
// each method checks what it is given, asks the core, and gives plain values back.
import { AccessRequests } from "./access.js";
import { assertWanted, progress } from "./calls.js";
import { RegrantError, badInput } from "./errors.js";
import * as input from "./input.js";
import { metadataToJson } from "./json.js";

const versionOf = (value) => {
  const { login, version } = input.object(value, "the address of a key, { login, version },");
  return { login: input.login(login), version: input.integer(version, "version", 1, Number.MAX_SAFE_INTEGER) };
};

/** What an identity says of itself. */
const PROFILE = ["login", "name", "kind", "payload"];

/** How much of a list is wanted, and from where on. */
const pageOf = ({ limit, cursor }) => [
  input.optional(input.integer, limit, "limit", 1, 256),
  input.optional(input.text, cursor, "cursor"),
];

const paged = (page, shown = (item) => item) => {
  const { items, cursor } = input.own(page);
  return cursor === undefined ? { items: items.map(shown) } : { items: items.map(shown), cursor };
};

/** A profile as the core reads it. What is `null` goes away, where that is allowed. */
function profileOf({ name, kind, payload }, removable) {
  const given = input.own({ unset: [] });
  for (const [key, value] of [["name", name], ["payload", payload]]) {
    if (value === null && removable) given.unset.push(key);
  }
  if (name !== undefined && name !== null) given.name = input.text(name, "name");
  if (kind !== undefined) given.kind = input.text(kind, "kind");
  if (payload !== undefined && payload !== null) given.payloadJson = metadataToJson(payload, "payload");
  if (!removable && (name === null || payload === null)) throw badInput("name is a string, and payload an object");
  return given;
}

const shown = (found) => {
  const { payloadJson, ...identity } = input.own(found);
  const out = Object.fromEntries(Object.entries(identity).filter(([, value]) => value !== undefined));
  return payloadJson === undefined ? out : { ...out, payload: JSON.parse(payloadJson) };
};

export class Identities {
  #handle;
  #login;
  #toVault;
  #begin;
  #access;

  /**
   * @param {(login: string, secret: { password: string }) => Promise<{ vaultSecret: string }>} toVault derives from a password
   * @param {(raw: object) => object} begin makes a session of one of the core's
   */
  constructor(handle, login, events, toVault, begin) {
    this.#handle = handle;
    this.#login = login;
    this.#toVault = toVault;
    this.#begin = begin;
    this.#access = new AccessRequests(handle, login, events);
  }

  // ---- identities ----

  async create(identity, o) {
    const profile = input.known(identity, "identity", PROFILE);
    const login = input.login(profile.login);
    const given = input.options(o, ["sharingGroup", "managers", "secret"]);
    const what = profileOf(profile, false);
    const sharers = input.optional(input.logins, given.sharingGroup, "sharingGroup") ?? [this.#login];
    const managers = input.optional(input.logins, given.managers, "managers");
    const secret = await this.#vault(login, given.secret);
    await this.#handle.call((raw) => raw.createIdentity(login, what, sharers, managers, secret));
  }

  async get(login) {
    input.login(login);
    return shown(await this.#handle.call((raw) => raw.identity(login)));
  }

  async list(o) {
    const given = input.options(o, ["search", "kind", "limit", "cursor"]);
    const search = input.optional(input.text, given.search, "search") ?? "";
    const kind = input.optional(input.text, given.kind, "kind");
    const page = pageOf(given);
    return paged(await this.#handle.call((raw) => raw.findIdentities(search, kind, ...page)), shown);
  }

  async update(identity) {
    // What `get` gave may come back with something changed.
    const profile = input.known(identity, "identity", [...PROFILE, "version", "created", "trust"]);
    const login = input.login(profile.login);
    const what = profileOf(profile, true);
    await this.#handle.call((raw) => raw.updateIdentity(login, what));
  }

  async remove(login) {
    input.login(login);
    await this.#handle.call((raw) => raw.removeIdentity(login));
  }

  async as(login) {
    input.login(login);
    return this.#begin(await this.#handle.call((raw) => raw.actFor(login)));
  }

  // ---- the sharing graph ----

  async getSharingGroup(login) {
    input.login(login);
    return this.#handle.call((raw) => raw.sharingGroup(login));
  }

  async getAccessGroup(login) {
    input.login(login);
    return this.#handle.call((raw) => raw.accessGroup(login));
  }

  async extendSharingGroup(login, logins, o) {
    input.login(login);
    const more = input.logins(logins, "logins");
    const report = course(input.options(o, ["onProgress", "signal"]));
    await this.#handle.call((raw) => raw.extendSharingGroup(login, more, report));
  }

  async replaceSharingGroup(login, logins, o) {
    input.login(login);
    const all = input.logins(logins, "logins");
    const given = input.options(o, ["expected", "onProgress", "signal"]);
    const expected = input.optional(input.logins, given.expected, "expected");
    const report = course(given);
    await this.#handle.call((raw) => raw.replaceSharingGroup(login, all, expected, report));
  }

  async removeFromSharingGroup(login, logins, o) {
    input.login(login);
    const gone = input.logins(logins, "logins");
    const report = course(input.options(o, ["onProgress", "signal"]));
    await this.#handle.call((raw) => raw.removeFromSharingGroup(login, gone, report));
  }

  async renewKeys(login, o) {
    const whose = input.optional(input.login, login) ?? this.#login;
    const given = input.options(o, ["compromised", "secret", "onProgress", "signal"]);
    const since = given.compromised === undefined ? undefined : input.date(input.known(given.compromised, "compromised", ["since"]).since, "since");
    const report = course(given);
    const next = await this.#vault(whose, given.secret);
    return { ...(await this.#handle.call((raw) => raw.renewKeys(whose, next, since, report))) };
  }

  async lockedVersions(login) {
    input.login(login);
    return this.#handle.call((raw) => raw.lockedVersions(login));
  }

  async unlockVersions(login, secret) {
    input.login(login);
    const given = typeof secret === "string" ? { password: input.password(secret, "secret") } : input.secret(secret, "the secret");
    const opened = await this.#toVault(login, given);
    return this.#handle.call((raw) => raw.unlockVersions(login, opened));
  }

  // ---- named items, and who opened what ----

  async setNamed(login, name, itemId) {
    input.login(login);
    input.text(name, "name");
    const item = itemId === null ? undefined : input.id(itemId, "itemId");
    await this.#handle.call((raw) => raw.setNamed(login, name, item));
  }

  async getNamed(login, name) {
    input.login(login);
    input.text(name, "name");
    return this.#handle.call((raw) => raw.getNamed(login, name));
  }

  async accessLogs(o) {
    const given = input.options(o, ["item", "login", "reason", "limit", "cursor"]);
    const item = input.optional(input.id, given.item, "item");
    const login = input.optional(input.login, given.login, "login");
    const reason = input.optional(input.text, given.reason, "reason");
    const page = pageOf(given);
    return paged(await this.#handle.call((raw) => raw.openings(item, login, reason, ...page)));
  }

  // ---- requests for access ----

  requestAccess(o) {
    return this.#access.request(o);
  }

  resolveAccess(request, o) {
    return this.#access.resolve(request, o);
  }

  listAccess(login, o) {
    return this.#access.list(login, o);
  }

  onAccessRequest(resolver) {
    return this.#access.listen(resolver);
  }

  // ---- public keys ----

  async getLatestPublicKey(login) {
    input.login(login);
    const [key] = await this.#handle.call((raw) => raw.publicKeys([login]));
    return key;
  }

  async getLatestPublicKeys(logins) {
    const asked = input.list(logins, "logins", input.login);
    const keys = await this.#latest(asked);
    return asked.map((login) => ({ ...keys.get(login) }));
  }

  async getPublicKey(address) {
    const [key] = await this.#versions([versionOf(address)]);
    return key;
  }

  async getPublicKeys(addresses) {
    return this.#versions(input.list(addresses, "the list of keys", versionOf));
  }

  async history(login) {
    input.login(login);
    return this.#handle.call((raw) => raw.history(login));
  }

  async #latest(logins) {
    const different = [...new Set(logins)];
    if (different.length === 0) return new Map();
    const keys = await this.#handle.call((raw) => raw.publicKeys(different));
    return new Map(keys.map((key) => [key.login, key]));
  }

  async #versions(addresses) {
    // Asked together first, so that the error names every login that is missing.
    const logins = [...(await this.#latest(addresses.map(({ login }) => login))).keys()];
    const all = new Map();
    for (const login of logins) all.set(login, await this.history(login));
    return addresses.map(({ login, version }) => {
      const key = all.get(login)?.find((known) => known.version === version);
      if (!key) throw new RegrantError("ERR_NOT_FOUND", `there is no version ${version} of these keys: ${login}`, { logins: [login] });
      return { ...key };
    });
  }

  /** A password as the core takes it, if there is one. */
  async #vault(login, password) {
    const given = input.optional(input.password, password, "secret");
    return given === undefined ? undefined : this.#toVault(login, { password: given });
  }
}

/** What tells of, and ends, long work. */
function course({ onProgress, signal }) {
  const tell = input.optional(input.func, onProgress, "onProgress");
  const wanted = input.optional(input.signal, signal);
  assertWanted(wanted);
  return progress(tell, wanted);
}
