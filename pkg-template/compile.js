// Compiles a WebAssembly module from whatever its place is given as. Compilation is always asynchronous: browsers refuse
// large synchronous ones on the main thread.
import { RegrantError, badInput } from "./errors.js";

/** What it means that a module cannot be loaded. */
export const failed = (message, cause) =>
  new RegrantError("ERR_INIT_FAILED", message.startsWith("regrant: ") ? message : `regrant: the WebAssembly cannot be loaded: ${message}`, {
    cause,
    retryable: true,
  });

/**
 * @param {unknown} source an address, a response, bytes, or a module; or a promise of one
 * @param {string} file its name in the package, for messages
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compile(source, file) {
  const given = await source;
  if (given instanceof WebAssembly.Module) return given;
  if (typeof given === "string" || given instanceof URL) return compileUrl(given, file);
  if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) return WebAssembly.compile(given);
  if (typeof Response === "function" && given instanceof Response) return compileResponse(given, given.url, file);
  throw badInput(
    "regrant: init() takes a URL, a string, a Response, an ArrayBuffer, a typed array or a WebAssembly.Module",
  );
}

async function compileUrl(url, file) {
  let response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw failed(`regrant: the WebAssembly could not be fetched from ${describe(url)}: is it there, and does connect-src of the content security policy allow it?`, cause);
  }
  return compileResponse(response, url, file);
}

async function compileResponse(response, url, file) {
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
        `Serve the file "regrant/${file}" there, give init() its address, or import "regrant/inline".`,
    );
  }
  return WebAssembly.compile(bytes);
}

/** An address fit for an error message: data URLs are long, and queries may carry tokens. */
function describe(url) {
  const text = String(url);
  return text.startsWith("data:") ? "a data: URL" : text.replace(/[?#].*$/, "");
}
