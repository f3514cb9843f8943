// Derives in a worker of its own, which ends with the derivation or an abort. Where no worker can start (a content
// security policy, a bundler that lost its file), on the calling thread.
import { RegrantError, fromCore } from "../errors.js";
import { currentModule } from "../load.js";
import * as here from "./here.js";

/** A worker that has not begun by then is taken for one that never will. */
const PATIENCE_MS = 10_000;

/** Whether starting one failed before: it is not tried again. */
let missing = false;

/**
 * @param {[string, string, string, string | undefined]} request password, application, login, profile
 * @param {AbortSignal} [signal]
 */
export async function derive(request, signal) {
  if (!missing) {
    const secrets = await inWorker(await currentModule(), request, signal);
    if (secrets) return secrets;
    missing = true;
  }
  return here.derive(request);
}

/** The secrets; `undefined` if no worker began. */
function inWorker(module, request, signal) {
  return new Promise((resolve, reject) => {
    let begun = false;
    let worker;
    const end = (settle, value) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      worker?.terminate();
      settle(value);
    };
    const aborted = () => end(reject, signal.reason);
    const broken = () =>
      begun
        ? end(reject, new RegrantError("ERR_POISONED", "the worker that derived the secrets died: try again", { retryable: true }))
        : end(resolve);
    const timer = setTimeout(broken, PATIENCE_MS);
    try {
      // Bundlers recognise this expression and emit the worker, so it must stay exactly so.
      worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
      worker.addEventListener("error", (event) => { event.preventDefault(); broken(); });
      worker.addEventListener("messageerror", broken);
      worker.addEventListener("message", ({ data }) => {
        if (data.begun) {
          begun = true;
          clearTimeout(timer);
        } else if (data.secrets) end(resolve, data.secrets);
        else if (data.error) end(reject, fromCore(data.error));
        else broken();
      });
      signal?.addEventListener("abort", aborted, { once: true });
      worker.postMessage({ module, request });
    } catch {
      broken();
    }
  });
}
