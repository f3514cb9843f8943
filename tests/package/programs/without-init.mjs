import { version } from "regrant";

export const variants = ["programs", "inline"];

export default async function ({ equal, version: packed }) {
  equal(await version(), packed);
}
