/** Where the WebAssembly may come from: an address, a response, its bytes, or a module compiled elsewhere. */
export type WasmSource =
  | string
  | URL
  | Response
  | Promise<Response>
  | ArrayBuffer
  | ArrayBufferView<ArrayBuffer>
  | WebAssembly.Module;

/**
 * Loads the WebAssembly. Every function of the package does so by itself at its first call: call this only to choose
 * where the file comes from, or to load it before it is needed.
 *
 * Calls made while one is under way share it; after a success further calls do nothing; after a failure the next call
 * tries again.
 */
export function init(source?: WasmSource): Promise<void>;

/** The package's version, for example `"0.1.0"`. */
export function version(): Promise<string>;
