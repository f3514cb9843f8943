// Where the WebAssembly is, for Node: read from the package's own folder when it is first needed.

/** @returns {Promise<Uint8Array>} */
export async function defaultSource() {
  const { readFile } = await import("node:fs/promises");
  return readFile(new URL("../wasm/regrant_bg.wasm", import.meta.url));
}
