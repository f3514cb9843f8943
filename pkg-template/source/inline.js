// Where the WebAssembly is, for `regrant/inline`: inside the JavaScript, as base64. Used at packaging time only:
// esbuild puts it in the place of `#source`, with a loader that turns the import into a string.
import base64 from "../wasm/regrant_bg.wasm";

/** @returns {Uint8Array} */
export function defaultSource() {
  if (typeof Uint8Array.fromBase64 === "function") return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
