import { init, version } from "regrant";

export const variants = ["programs", "inline"];

export default async function ({ equal, wasmUrl, version: packed }) {
  await init(wasmUrl.href);
  equal(await version(), packed);
}
