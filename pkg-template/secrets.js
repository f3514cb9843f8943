// Key pairs of the application's, and secrets split into shares: functions that need no session.
import * as bytes from "./bytes.js";
import { call } from "./calls.js";
import * as input from "./input.js";
import { ready } from "./load.js";

/** The longest secret that is split, in bytes; a share is 17 longer. */
const MOST = 65_536;

export async function generateKeyPair(o) {
  const { modulusLength = 3072 } = input.options(o, ["modulusLength"]);
  input.oneOf(modulusLength, "modulusLength", [2048, 3072, 4096]);
  const core = await ready();
  return call(() => core.generateKeyPair(modulusLength, core.hasSubtle() ? "webcrypto" : "rust"));
}

export async function splitSecret(secret, o) {
  const given = bytes.uint8Array(secret, "secret", MOST);
  const { threshold, shares } = input.options(o, ["threshold", "shares"]);
  input.integer(threshold, "threshold", 2, 255);
  input.integer(shares, "shares", threshold, 255);
  const core = await ready();
  return call(() => core.splitSecret(given, threshold, shares));
}

export async function combineShares(shares) {
  const given = input.list(shares, "shares", (share, name) => bytes.uint8Array(share, name, MOST + 17));
  const core = await ready();
  return call(() => core.combineShares(given));
}
