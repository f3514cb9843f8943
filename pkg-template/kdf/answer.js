// What a worker or a thread does that derives a password's secrets, whichever way it is asked and answers.
import { toMessage } from "../errors.js";
import init, { deriveSecrets } from "../wasm/regrant.js";

/**
 * @param {{ module: WebAssembly.Module, request: [string, string, string, string | undefined] }} asked
 * @param {(answer: { begun?: true, secrets?: object, error?: object }) => void} say one with nothing in it: it cannot
 */
export async function answer({ module, request }, say) {
  try {
    await init({ module_or_path: module });
  } catch {
    return say({});
  }
  say({ begun: true });
  try {
    say({ secrets: deriveSecrets(...request) });
  } catch (error) {
    say(error?.regrant ? { error: toMessage(error) } : {});
  }
}
