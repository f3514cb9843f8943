// Derives on the calling thread: in Node, in the inline build, and where workers are missing.
import { ready } from "../load.js";

/** @param {[string, string, string, string | undefined]} request password, application, login, profile */
export async function derive(request) {
  return (await ready()).deriveSecrets(...request);
}
