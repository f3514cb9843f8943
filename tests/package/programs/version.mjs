import { init, version } from "regrant";

export const variants = ["programs", "inline"];

export default async function ({ equal, version: packed }) {
  await init();
  equal(await version(), packed);
}
