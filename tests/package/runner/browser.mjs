// Runs the program that the page's address names and leaves the outcome in the page.
import * as assert from "./assert.mjs";

const programs = import.meta.glob(["./programs/*.mjs", "./inline/*.mjs"]);
const fixtures = import.meta.glob("./fixtures/*.json", { import: "default" });
const query = new URLSearchParams(location.search);

async function run(name) {
  const program = await programs[`./${name}`]();
  const scenario = query.get("scenario");
  await (scenario ? program.scenarios[scenario] : program.default)({
    ...assert,
    place: "browser",
    inline: name.startsWith("inline/"),
    version: query.get("version"),
    fixtures: () => Promise.all(Object.values(fixtures).map((load) => load())),
    wasmUrl: new URL("/regrant.bin", location.href),
    wasmBytes: async () => (await fetch("/regrant.bin")).arrayBuffer(),
  });
}

if (query.get("program") === "tab") {
  await import("./tab.mjs");
} else if (query.get("program") === "writer") {
  await import("./writer.mjs");
} else {
  try {
    await run(query.get("program"));
    document.body.dataset.outcome = "ok";
  } catch (error) {
    document.body.dataset.outcome = String(error?.stack ?? error);
  }
}
