// Where the WebAssembly is, for Node: read from the package's own folder when it is first needed.

/** @returns {Promise<Uint8Array>} */
export async function defaultSource() {
  const { readFile } = await import("node:fs/promises");
  const url = new URL("../wasm/regrant_bg.wasm", import.meta.url);
  if (url.protocol === "file:") return readFile(url);
  // A bundler for servers (Next.js) put the address there by which browsers ask for the file. It knows this file's own.
  const { fileURLToPath } = await import("node:url");
  return readFile(fileURLToPath(import.meta.url).replace(/source.node\.js$/, "wasm/regrant_bg.wasm"));
}
