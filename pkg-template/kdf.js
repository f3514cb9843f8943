// From a password to its secrets: checks, and the choice of where to derive. Where that is slow it happens in a worker
// (`#kdf`), so that pages do not freeze.
import { derive } from "#kdf";
import { assertWanted, call } from "./calls.js";
import * as input from "./input.js";
import { ready } from "./load.js";

/**
 * Derives both secrets. Everything is checked before.
 *
 * @param {{ password: string, application: string, login: string, kdf?: object, engine?: string }} from
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ vaultSecret: string, appSecret: string }>}
 */
export async function derivePassword({ password, application, login, kdf, engine = "auto" }, signal) {
  const core = await ready();
  const profile = kdf && JSON.stringify(kdf);
  // Here and not in the worker: a wrong profile should not wait for one.
  if (profile) await call(() => core.checkKdf(profile));
  const request = [password, application, login, profile];
  if (kdf?.name === "pbkdf2" && engine !== "rust" && core.hasSubtle()) {
    return call(() => core.deriveSecretsAsync("webcrypto", ...request), signal);
  }
  return call(() => derive(request, signal), signal);
}

/** One password, two secrets: see index.d.ts. */
export async function deriveSecrets(password, o) {
  input.password(password);
  const given = input.known(o, "the options argument", ["application", "login", "kdf", "signal"]);
  const signal = input.optional(input.signal, given.signal);
  const application = input.name(given.application, "application");
  const login = input.login(given.login);
  const kdf = input.optional(input.kdf, given.kdf);
  assertWanted(signal);
  return derivePassword({ password, application, login, kdf }, signal);
}
