// Where the embedded relay's WebAssembly is, for `regrant/inline`: see inline.js.
import base64 from "../wasm/relay_bg.wasm";
import { decoded } from "./decoded.js";

/** @returns {Uint8Array} */
export const relaySource = () => decoded(base64);
