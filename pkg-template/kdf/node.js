// Derives in a thread of its own, which ends with the derivation or an abort, so that a server goes on meanwhile and a
// process ends by itself. As many at once as there are processors: each takes the memory that the derivation takes.
// Where there are no threads (forbidden, or a bundler lost the file), on the calling one.
import { RegrantError, fromCore } from "../errors.js";
import { currentModule } from "../load.js";
import * as here from "./here.js";

/** Whether threads turned out to be missing: it is not tried again. */
let missing = false;
let running = 0;
const waiting = [];

/**
 * @param {[string, string, string, string | undefined]} request password, application, login, profile
 * @param {AbortSignal} [signal]
 */
export async function derive(request, signal) {
  if (missing) return here.derive(request);
  const [module, { Worker }, { availableParallelism }] = await Promise.all([
    currentModule(),
    import("node:worker_threads"),
    import("node:os"),
  ]);
  if (running >= availableParallelism()) await new Promise((go) => waiting.push(go));
  else running++;
  if (signal?.aborted || missing) goOn();
  signal?.throwIfAborted();
  const secrets = missing ? undefined : await inThread(Worker, { module, request }, signal);
  if (secrets) return secrets;
  missing = true;
  return here.derive(request);
}

/** Whoever waits takes the place of one that is over. */
function goOn() {
  const go = waiting.shift();
  if (go) go();
  else running--;
}

const died = (cause) =>
  new RegrantError("ERR_POISONED", "the thread that derived the secrets died: try again", { retryable: true, cause });

/** Those that say nothing of whether there are threads: the machine had no room for another one. */
const NO_ROOM = ["ERR_WORKER_INIT_FAILED", "ERR_WORKER_OUT_OF_MEMORY"];

/** The secrets; `undefined` if there are no threads. */
function inThread(Worker, message, signal) {
  return new Promise((resolve, reject) => {
    let begun = false;
    let worker;
    const end = (settle, value) => {
      signal?.removeEventListener("abort", aborted);
      worker?.terminate();
      settle(value);
    };
    const aborted = () => end(reject, signal.reason);
    const broken = (cause) => (begun || NO_ROOM.includes(cause?.code) ? end(reject, died(cause)) : end(resolve));
    try {
      // What this process was started with, such as a program on its command line, is not for the thread.
      worker = new Worker(new URL("./thread.js", import.meta.url), { execArgv: [], name: "regrant" });
    } catch (cause) {
      goOn();
      return broken(cause);
    }
    worker.on("error", broken);
    // Only now is its memory free for another one.
    worker.once("exit", () => {
      goOn();
      broken();
    });
    worker.on("message", ({ secrets, error, begun: begins }) => {
      if (begins) begun = true;
      else if (secrets) end(resolve, secrets);
      else if (error) end(reject, fromCore(error));
      else broken();
    });
    signal?.addEventListener("abort", aborted, { once: true });
    try {
      worker.postMessage(message);
    } catch (cause) {
      broken(cause);
    }
  });
}
