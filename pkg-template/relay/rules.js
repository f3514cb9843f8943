// Loads the embedded relay's WebAssembly, a file of its own: whoever talks to a relay elsewhere never fetches it.
import { relaySource } from "#relay-source";
import { compile, failed } from "../compile.js";
import { RegrantError } from "../errors.js";
import * as bindings from "../wasm/relay.js";

/** The load under way or done; cleared when it fails, so that the next call tries again. */
let loading;
/** Where it is, if `init` was told. */
let place;

/** Says where the module is, for whoever cannot serve it from the package's own place. */
export function relayFrom(source) {
  place = source;
}

/**
 * The generated bindings, with the module loaded.
 *
 * @returns {Promise<typeof bindings>}
 */
export function loaded() {
  loading ??= start().catch((error) => {
    loading = undefined;
    throw error instanceof RegrantError ? error : failed(error?.message ?? String(error), error);
  });
  return loading;
}

async function start() {
  await bindings.default({ module_or_path: await compile(place ?? relaySource(), "relay_bg.wasm") });
  return bindings;
}

/** Starts the module anew after it trapped: what it had in memory was only what it had read. */
export function restart() {
  bindings.__wbg_reset_state();
}
