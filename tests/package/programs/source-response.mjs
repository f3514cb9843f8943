import { init, version } from "regrant";

export const variants = ["programs", "inline"];

export default async function ({ equal, wasmBytes, version: packed }) {
  const headers = { "content-type": "application/wasm" };
  await init(wasmBytes().then((bytes) => new Response(bytes, { headers })));
  equal(await version(), packed);
}
