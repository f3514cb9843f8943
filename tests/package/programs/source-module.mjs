import { init, version } from "regrant";

export const variants = ["programs", "inline"];

export default async function ({ equal, wasmBytes, version: packed }) {
  await init(await WebAssembly.compile(await wasmBytes()));
  equal(await version(), packed);
}
