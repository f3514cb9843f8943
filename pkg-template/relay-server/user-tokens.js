// The tokens with which an application's server vouches for its users: JWTs, signed with Ed25519 and nothing else. What
// they say is read strictly: a claim of another type is no claim that is left out.
import { createPublicKey, verify } from "node:crypto";
import { badInput } from "../errors.js";
import { Refusal } from "./messages.js";

/** How far two clocks may differ, and how long a token may last, in seconds. */
const SKEW_S = 60;
const LONGEST_S = 12 * 3600;
const SEGMENT = /^[A-Za-z0-9_-]+$/;

/** An application's public keys, of which each has signed. PEM, or objects `{ id, key }` of which tokens name the id. */
export function keysOf(given, name) {
  if (!Array.isArray(given)) throw badInput(`${name} is an array of public keys (PEM), or of { id, key }`);
  return given.map((entry) => {
    const { id, key } = typeof entry === "string" ? { key: entry } : (entry ?? {});
    try {
      const made = createPublicKey(key);
      if (made.asymmetricKeyType === "ed25519") return { id, key: made };
    } catch (cause) {
      throw badInput(`${name} holds something that is no public key (PEM)`, cause);
    }
    throw badInput(`${name} holds a key that is not for Ed25519`);
  });
}

const refuse = (message) => new Refusal("ERR_UNAUTHENTICATED", `the user token is refused: ${message}`);

function parsed(segment) {
  const found = SEGMENT.test(segment) ? JSON.parse(Buffer.from(segment, "base64url").toString("utf8")) : undefined;
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new TypeError("no object");
  return found;
}

/**
 * What a user token says, if it is one of this application's for this relay, now.
 *
 * @param {string} token
 * @param {{ application: string, audiences: string[], keys: { id?: string, key: object }[], now?: number }} o
 * @returns {{ uid: string, gid?: string, iat: number }}
 */
export function userOf(token, { application, audiences, keys, now = Date.now() / 1000 }) {
  if (token.length > 8192) throw refuse("it is too long");
  const segments = token.split(".");
  let header, claims;
  try {
    if (segments.length !== 3 || !SEGMENT.test(segments[2])) throw new TypeError("no token");
    [header, claims] = segments.slice(0, 2).map(parsed);
  } catch {
    throw refuse("it is none");
  }
  const { alg, typ, kid, ...other } = header;
  if (alg !== "EdDSA" || typ !== "JWT" || Object.keys(other).length > 0 || (kid !== undefined && typeof kid !== "string")) throw refuse("its header is not that of a user token");
  const signed = Buffer.from(`${segments[0]}.${segments[1]}`);
  const signature = Buffer.from(segments[2], "base64url");
  const candidates = keys.filter(({ id }) => kid === undefined || id === undefined || id === kid);
  if (!candidates.some(({ key }) => verify(null, signed, key, signature))) throw refuse("no key of this application signed it");
  return checked(claims, { application, audiences, now });
}

const isText = (value) => typeof value === "string" && value !== "" && value.length <= 1024;
const isSeconds = (value) => Number.isSafeInteger(value) && value > 0;

function checked({ kind, app, aud, uid, gid, iat, jti, exp }, { application, audiences, now }) {
  if (![kind, app, aud, uid, jti].every(isText) || ![iat, exp].every(isSeconds) || (gid !== undefined && !isText(gid))) throw refuse("a claim is missing, or of another type");
  if (kind !== "user") throw new Refusal("ERR_FORBIDDEN", "this is another kind of token than a user's");
  if (app !== application) throw refuse("it is for another application");
  if (!audiences.includes(aud)) throw refuse(`it is for another relay than ${audiences[0]}`);
  if (exp - iat > LONGEST_S) throw refuse("it lasts longer than twelve hours");
  if (iat > now + SKEW_S) throw refuse("it was issued in the future: look at the clocks");
  if (exp < now - SKEW_S) throw new Refusal("ERR_TOKEN_EXPIRED", "the user token has ended");
  return { uid, ...(gid !== undefined && { gid }), iat };
}
