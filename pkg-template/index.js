// The package's public surface. Everything here waits for the module by itself: `init` is only for choosing where
// the WebAssembly comes from.
import { ready } from "./load.js";

export { requestPersistence, support } from "./environment.js";
export { RegrantError } from "./errors.js";
export { deriveSecrets } from "./kdf.js";
export { init } from "./load.js";
export { Regrant, openRelay } from "./regrant.js";
export { combineShares, generateKeyPair, splitSecret } from "./secrets.js";
export { Session } from "./session.js";

export async function version() {
  return (await ready()).version();
}
