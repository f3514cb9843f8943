import type { WasmSource } from "../index.js";

/** Where the WebAssembly is when `init` is not told. */
export function defaultSource(): WasmSource | Promise<Uint8Array>;
