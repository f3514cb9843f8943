// Where the WebAssembly is, for browsers, workers and bundlers. Bundlers recognise `new URL(…, import.meta.url)`
// and emit the file as an asset, so the expression must stay exactly so. Nothing is fetched before it is asked for.

/** @returns {URL} */
export function defaultSource() {
  return new URL("../wasm/regrant_bg.wasm", import.meta.url);
}
