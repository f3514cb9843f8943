// What `createRelay` is given, checked, with its defaults.
import { badInput } from "../errors.js";
import * as input from "../input.js";
import { keysOf } from "./user-tokens.js";

const STORAGE = ["read", "commit", "putParts", "getParts", "countParts", "dropParts"];
const OPTIONS = ["storage", "tenants", "publicUrl", "relayId", "origins", "dev", "onError"];
const TENANT = ["keys", "registration", "reset", "firstAdministers", "administrators"];

/** How a relay is that is tried out on this machine, and otherwise where nothing is said. */
const DEVELOPMENT = { registration: "open", reset: "open", firstAdministers: true };
const PRODUCTION = { registration: "open", reset: "token", firstAdministers: false };

export function checked(o) {
  const given = input.known(o, "the options argument", OPTIONS);
  const dev = input.optional(input.boolean, given.dev, "dev") ?? false;
  const otherwise = dev ? DEVELOPMENT : PRODUCTION;
  return {
    storage: storage(given.storage),
    dev,
    publicUrl: input.optional(publicUrl, given.publicUrl),
    relayId: input.optional(input.name, given.relayId, "relayId"),
    origins: given.origins === undefined ? (dev ? "*" : []) : origins(given.origins),
    onError: input.optional(input.func, given.onError, "onError") ?? ((error) => console.error(error)),
    tenants: given.tenants === undefined ? undefined : tenants(given.tenants, otherwise),
    /** Of an application that is not named, where none is. */
    otherwise: { keys: [], administrators: [], ...otherwise },
  };
}

function storage(given) {
  if (typeof given !== "object" || given === null) throw badInput("storage is missing: sqliteStorage(path), for example");
  const lacks = STORAGE.filter((method) => !input.hasMethod(given, method));
  if (lacks.length > 0) throw badInput(`storage lacks ${lacks.join(", ")}: see RelayStorage`);
  return given;
}

/** What clients call this relay, without a slash at the end. */
function publicUrl(given) {
  let url;
  try {
    url = new URL(given);
  } catch (cause) {
    throw badInput("publicUrl is the address by which clients know this relay, such as https://relay.example", cause);
  }
  if (!["https:", "http:"].includes(url.protocol) || url.search || url.hash || url.username) throw badInput("publicUrl begins with https://, and has no user, ? or #");
  return { origin: url.origin, address: `${url.origin}${url.pathname.replace(/\/+$/, "")}` };
}

function origins(given) {
  if (given === "*") return given;
  return input.list(given, 'origins (an array, or "*")', (origin, name) => {
    input.text(origin, name);
    if (URL.canParse(origin) && new URL(origin).origin === origin) return origin;
    throw badInput(`${name} is an origin, such as https://app.example`);
  });
}

function tenants(given, otherwise) {
  const all = Object.entries(input.object(given, "tenants"));
  return new Map(all.map(([name, settings]) => [input.name(name, "a tenant's name"), tenant(settings, `tenants.${name}`, otherwise)]));
}

function tenant(given, what, otherwise) {
  const { keys, registration, reset, firstAdministers, administrators } = input.known(given, what, TENANT);
  const settings = {
    keys: keysOf(keys ?? [], `${what}.keys`),
    registration: input.optional(input.oneOf, registration, `${what}.registration`, ["open", "token", "closed"]) ?? otherwise.registration,
    reset: input.optional(input.oneOf, reset, `${what}.reset`, ["open", "token"]) ?? otherwise.reset,
    firstAdministers: input.optional(input.boolean, firstAdministers, `${what}.firstAdministers`) ?? otherwise.firstAdministers,
    administrators: input.optional(input.logins, administrators, `${what}.administrators`) ?? [],
  };
  if (settings.registration === "token" && settings.keys.length === 0) throw badInput(`${what}.keys is missing: nobody can register with a token that no key has signed`);
  return settings;
}
