// Where the embedded relay's WebAssembly is, for browsers, workers and bundlers: see web.js.

/** @returns {string} */
export function relaySource() {
  const url = new URL("../wasm/relay_bg.wasm", import.meta.url);
  return url.href.replace("/node_modules/.vite/wasm/", "/node_modules/regrant/wasm/");
}
