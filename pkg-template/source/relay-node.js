// Where the embedded relay's WebAssembly is, for Node: see node.js.

/** @returns {Promise<Uint8Array>} */
export async function relaySource() {
  const { readFile } = await import("node:fs/promises");
  const url = new URL("../wasm/relay_bg.wasm", import.meta.url);
  if (url.protocol === "file:") return readFile(url);
  const { fileURLToPath } = await import("node:url");
  return readFile(fileURLToPath(import.meta.url).replace(/source.relay-node\.js$/, "wasm/relay_bg.wasm"));
}
