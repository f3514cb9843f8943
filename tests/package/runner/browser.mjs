// Runs the program that the page's address names and leaves the outcome in the page.
import * as assert from "./assert.mjs";
import { usePairs } from "./pairs.mjs";

// Not every driver tells of these: the page keeps them by itself. What a program expects it prevents, or stops.
const events = [];
for (const type of ["error", "unhandledrejection", "securitypolicyviolation"]) addEventListener(type, (event) => events.push(event));
const describe = ({ message, error, reason, violatedDirective, blockedURI }) =>
  violatedDirective ? `${violatedDirective} forbids ${blockedURI}` : [message, reason, (error ?? reason)?.stack].join(" ");
const uncaught = (globalThis.uncaught = () => events.filter((event) => !event.defaultPrevented).map(describe));

const programs = import.meta.glob(["./programs/*.mjs", "./inline/*.mjs", "./http/*.mjs"]);
const fixtures = import.meta.glob("./fixtures/*.json", { import: "default" });
const query = new URLSearchParams(location.search);

// An environment that lacks something.
for (const name of query.getAll("without")) {
  delete globalThis[name];
  delete Navigator.prototype[name];
}

async function run(name) {
  const program = await programs[`./${name}`]();
  const scenario = query.get("scenario");
  if (!program.makesPairs) {
    const pool = await (await fetch("/pairs.json")).json();
    usePairs((length) => pool[length]?.shift());
  }
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
} else if (query.get("program") === "upload") {
  await import("./upload.mjs");
} else {
  try {
    await run(query.get("program"));
    document.body.dataset.outcome = uncaught().length > 0 ? `uncaught: ${uncaught().join("\n")}` : "ok";
  } catch (error) {
    // In WebKit and Firefox the stack does not hold the message.
    document.body.dataset.outcome = [error, error?.stack ?? "", error?.cause ? `caused by ${error.cause}\n${error.cause.stack ?? ""}` : "", ...uncaught()].join("\n");
  }
}
