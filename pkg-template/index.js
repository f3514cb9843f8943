// The package's public surface. Everything here waits for the module by itself: `init` is only for choosing where
// the WebAssembly comes from.
import { init, ready } from "./load.js";

export { init };

export async function version() {
  return (await ready()).version();
}
