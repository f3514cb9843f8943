// Runs the program that the page's address names and leaves the outcome in the page.
import * as assert from "./assert.mjs";

const programs = import.meta.glob(["./programs/*.mjs", "./inline/*.mjs"]);
const query = new URLSearchParams(location.search);

try {
  const program = await programs[`./${query.get("program")}`]();
  await program.default({
    ...assert,
    place: "browser",
    version: query.get("version"),
    wasmUrl: new URL("/regrant.bin", location.href),
    wasmBytes: async () => (await fetch("/regrant.bin")).arrayBuffer(),
  });
  document.body.dataset.outcome = "ok";
} catch (error) {
  document.body.dataset.outcome = String(error?.stack ?? error);
}
