// Where the WebAssembly is, for browsers, workers and bundlers. Bundlers recognise `new URL(…, import.meta.url)`
// and emit the file as an asset, so the expression must stay exactly so. Nothing is fetched before it is asked for.

/** @returns {string} */
export function defaultSource() {
  const url = new URL("../wasm/regrant_bg.wasm", import.meta.url);
  // A text, because what bundlers put in the place of that URL is not always one: in Next.js it cannot be changed.
  // In development, Vite before 8 moves this code into a folder of its own and leaves the asset behind.
  return url.href.replace("/node_modules/.vite/wasm/", "/node_modules/regrant/wasm/");
}
