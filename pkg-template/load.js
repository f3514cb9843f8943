// Loads the WebAssembly once, when it is first needed. It knows nothing of what the module does.
//
// Importing this file does nothing: no fetch, no compilation, no top-level await, so that a server may import it
// while it renders.
import { hash } from "#hash";
import { defaultSource } from "#source";
import { assertSound, isPoisoned, poison, revived } from "./calls.js";
import { compile, failed } from "./compile.js";
import { RegrantError } from "./errors.js";
import { turn } from "./turns.js";
import * as bindings from "./wasm/regrant.js";

/** The load under way or done; cleared when it fails, so that the next call tries again. */
let loading;
/** The compiled module, once there is one. */
let compiled;

/**
 * Loads the module from `source`, or from the package's own file. Calls made while one is under way share it; once
 * it has succeeded, later calls do nothing; after a failure the next call starts afresh. After a panic it starts the
 * same module anew.
 *
 * @param {import("./index.js").WasmSource} [source]
 * @param {{ relay?: import("./index.js").WasmSource }} [o]
 * @returns {Promise<void>}
 */
export async function init(source, o) {
  // Noted only: it is loaded when an embedded relay is first used.
  if (o?.relay !== undefined) (await import("./relay/rules.js")).relayFrom(o.relay);
  if (isPoisoned()) {
    bindings.__wbg_reset_state();
    begin();
    revived();
  }
  await load(source);
}

/**
 * What the other files call before anything else: the generated bindings, with the module loaded.
 *
 * @returns {Promise<typeof bindings>}
 */
export async function ready() {
  assertSound();
  return load();
}

/**
 * The compiled module, to be handed to a worker (`postMessage` clones it without compiling again), whose `init`
 * takes it.
 *
 * @returns {Promise<WebAssembly.Module>}
 */
export async function currentModule() {
  await load();
  return compiled;
}

function load(source) {
  loading ??= start(source).catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function start(source) {
  try {
    const module = await compile(source ?? defaultSource(), "regrant_bg.wasm");
    await bindings.default({ module_or_path: module });
    compiled = module;
    begin();
    return bindings;
  } catch (error) {
    throw error instanceof RegrantError ? error : failed(error?.message ?? String(error), error);
  }
}

/** What the module calls. A panic inside a future would leave its promise pending for ever: the module says so by itself. */
function begin() {
  bindings.onPanic((message) => poison(new Error(message)));
  bindings.onHash(hash);
  bindings.onTurn(turn);
}
