// Where the WebAssembly is, for `regrant/inline`: inside the JavaScript, as base64. Used at packaging time only:
// esbuild puts it in the place of `#source`, with a loader that turns the import into a string.
import base64 from "../wasm/regrant_bg.wasm";
import { decoded } from "./decoded.js";

/** @returns {Uint8Array} */
export const defaultSource = () => decoded(base64);
