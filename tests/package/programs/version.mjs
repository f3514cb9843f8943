import { init, version } from "regrant";

export default async function ({ equal, version: packed }) {
  await init();
  equal(await version(), packed);
}
