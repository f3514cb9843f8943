import { support } from "regrant";

export const variants = ["programs", "inline"];

export default async function ({ equal, ok, place }) {
  const report = await support();
  ok(report.wasm && report.webcrypto && report.engine === "webcrypto");
  equal(report.store, place === "browser" ? "indexeddb" : "memory");
  equal(report.keysAtRest, place === "browser");
  ok(report.notes.every((note) => typeof note === "string"));
  if (place === "browser") equal((await indexedDB.databases()).length, 0, "it left a database behind");
}
