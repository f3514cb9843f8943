// Loads the WebAssembly once, when it is first needed. It knows nothing of what the module does.
//
// Importing this file does nothing: no fetch, no compilation, no top-level await, so that a server may import it
// while it renders. Compilation is always asynchronous: browsers refuse large synchronous ones on the main thread.
import { hash } from "#hash";
import { defaultSource } from "#source";
import { assertSound, isPoisoned, poison, revived } from "./calls.js";
import { RegrantError, badInput } from "./errors.js";
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
 * @returns {Promise<void>}
 */
export async function init(source) {
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
    const module = await compile(source ?? defaultSource());
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
}

const failed = (message, cause) =>
  new RegrantError("ERR_INIT_FAILED", message.startsWith("regrant: ") ? message : `regrant: the WebAssembly cannot be loaded: ${message}`, {
    cause,
    retryable: true,
  });

async function compile(source) {
  const given = await source;
  if (given instanceof WebAssembly.Module) return given;
  if (typeof given === "string" || given instanceof URL) return compileUrl(given);
  if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) return WebAssembly.compile(given);
  if (typeof Response === "function" && given instanceof Response) return compileResponse(given, given.url);
  throw badInput(
    "regrant: init() takes a URL, a string, a Response, an ArrayBuffer, a typed array or a WebAssembly.Module",
  );
}

async function compileUrl(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw failed(`regrant: the WebAssembly could not be fetched from ${describe(url)}: is it there, and does connect-src of the content security policy allow it?`, cause);
  }
  return compileResponse(response, url);
}

async function compileResponse(response, url) {
  if (!response.ok) {
    throw failed(`regrant: the server answered ${response.status} for the WebAssembly at ${describe(url)}`);
  }
  // Compiling while it downloads asks for the right MIME type; whole, any will do.
  const type = response.headers.get("content-type") ?? "";
  if (/^application\/wasm\s*(;|$)/i.test(type) && WebAssembly.compileStreaming) {
    return WebAssembly.compileStreaming(response);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes[0] !== 0x00 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    throw failed(
      `regrant: what is at ${describe(url)} is not WebAssembly (${type || "no content type"}). ` +
        'Serve the file "regrant/regrant_bg.wasm" there, give init() its address, or import "regrant/inline".',
    );
  }
  return WebAssembly.compile(bytes);
}

/** An address fit for an error message: data URLs are long, and queries may carry tokens. */
function describe(url) {
  const text = String(url);
  return text.startsWith("data:") ? "a data: URL" : text.replace(/[?#].*$/, "");
}
