// User tokens as an application's server signs them, and such as none does: from the specification, without the package.
import { randomUUID, sign } from "node:crypto";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** @param {object} claims beside those that every token has; `undefined` takes one away */
export function userToken(claims = {}, { privateKey, header = { alg: "EdDSA", typ: "JWT" } }) {
  const now = Math.floor(Date.now() / 1000);
  const said = `${part(header)}.${part({ kind: "user", iat: now, exp: now + 600, jti: randomUUID(), ...claims })}`;
  return `${said}.${sign(null, Buffer.from(said), privateKey).toString("base64url")}`;
}
