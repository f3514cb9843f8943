// The packed package, installed in an empty project and loaded here, for tests that talk to it through a directory relay.
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { pack, project, scratch } from "./project.mjs";

/**
 * `folder`: a scratch folder; `regrant`: the package; `device(directory, more)`: a device without anything on it, on
 * the relay in that folder; `remove()`.
 */
export async function packed() {
  const { folder, remove } = await scratch();
  const place = await project(join(folder, "project"), (await pack(folder)).tarball);
  const regrant = await import(pathToFileURL(join(place, "node_modules/regrant/index.js")));
  const device = (directory, more = {}) =>
    regrant.Regrant.open({ relay: { directory }, store: "memory", application: "independent", ...more });
  return { folder, regrant, device, remove };
}

/** What opens keys, as `connect` takes it. */
export const vault = (secret) => ({ vaultSecret: Buffer.from(secret).toString("base64url") });
export const inHex = ({ publicKey, privateKey }) => ({
  keyPair: { publicKey: publicKey.toString("hex"), privateKey: privateKey.toString("hex") },
});

/** An RSA pair in DER, made by Node; small, for speed. */
export function rsaPair() {
  const publicKeyEncoding = { type: "spki", format: "der" };
  const privateKeyEncoding = { type: "pkcs8", format: "der" };
  return generateKeyPairSync("rsa", { modulusLength: 2048, publicKeyEncoding, privateKeyEncoding });
}

/** Bytes that are not all alike. */
export const sample = (length) => Buffer.from(Uint8Array.from({ length }, (_, n) => Math.imul(n, 2654435761) >>> 23));
