import { init, version } from "regrant";

export default async function ({ equal, wasmBytes, version: packed }) {
  await init(await WebAssembly.compile(await wasmBytes()));
  equal(await version(), packed);
}
