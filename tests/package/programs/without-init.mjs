import { version } from "regrant";

export default async function ({ equal, version: packed }) {
  equal(await version(), packed);
}
