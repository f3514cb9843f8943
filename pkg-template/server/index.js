// `regrant/server`: what an application's own server does, for Node. It vouches for users whom it knows; it holds nobody's
// keys, and loads no WebAssembly.
import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { badInput } from "../errors.js";
import * as input from "../input.js";

export { RegrantError } from "../errors.js";

/** The longest that a user token may last, in seconds: twelve hours. */
const LONGEST_S = 12 * 3600;

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** The address of a relay as user tokens name it: without a slash at its end. */
function addressOf(relay) {
  try {
    const { protocol, origin, pathname, search, hash, username } = new URL(relay);
    if (["https:", "http:"].includes(protocol) && !search && !hash && !username) return `${origin}${pathname.replace(/\/+$/, "")}`;
  } catch {
    // As any other address that is none.
  }
  throw badInput("relay is the relay's address, such as https://relay.example");
}

/** A private key of Ed25519: PKCS#8 in PEM, or a JWK as an object or text. Errors never hold it. */
function keyOf(key) {
  let made;
  try {
    const isText = typeof key === "string";
    const jwk = isText && key.trimStart().startsWith("{") ? JSON.parse(key) : key;
    made = createPrivateKey(typeof jwk === "string" ? jwk : { key: jwk, format: "jwk" });
  } catch {
    throw badInput("key is a private key: PKCS#8 in PEM, or a JWK");
  }
  if (made.asymmetricKeyType !== "ed25519") throw badInput("key is a private key for Ed25519");
  return made;
}

export class RelayServer {
  #application;
  #address;
  #key;
  #keyId;

  constructor(o) {
    const given = input.known(o, "the options argument", ["relay", "application", "key", "keyId"]);
    this.#application = input.name(given.application, "application");
    this.#address = addressOf(given.relay);
    this.#key = keyOf(given.key);
    this.#keyId = input.optional(input.name, given.keyId, "keyId");
  }

  async createUserToken(login, o) {
    const uid = input.login(login);
    const given = input.options(o, ["group", "lifetimeSeconds"]);
    const gid = input.optional(input.name, given.group, "group");
    const lifetime = input.optional(input.integer, given.lifetimeSeconds, "lifetimeSeconds", 1, LONGEST_S) ?? LONGEST_S;
    const iat = Math.floor(Date.now() / 1000);
    const header = { alg: "EdDSA", typ: "JWT", ...(this.#keyId !== undefined && { kid: this.#keyId }) };
    const claims = { kind: "user", app: this.#application, aud: this.#address, uid, ...(gid !== undefined && { gid }), iat, jti: randomUUID(), exp: iat + lifetime };
    const said = `${part(header)}.${part(claims)}`;
    return `${said}.${sign(null, Buffer.from(said), this.#key).toString("base64url")}`;
  }
}
