// Derives on the calling thread: in the inline build, and where workers and threads are missing.
import { ready } from "../load.js";
import { turn } from "../turns.js";

/** @param {[string, string, string, string | undefined]} request password, application, login, profile */
export async function derive(request) {
  const core = await ready();
  // Of several, each stops everything else by itself: in between others go on.
  await turn();
  return core.deriveSecrets(...request);
}
