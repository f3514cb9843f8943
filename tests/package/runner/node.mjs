// Runs one program here, in a thread or in a process of its own: node node.mjs PROGRAM VERSION [SCENARIO]
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import process, { argv } from "node:process";
import { pathToFileURL } from "node:url";
import * as assert from "./assert.mjs";
import { usePairs } from "./pairs.mjs";

const wasm = await readFile(new URL("./node_modules/regrant/wasm/regrant_bg.wasm", import.meta.url));
const folder = new URL("./fixtures/", import.meta.url);
const fixture = async (file) => JSON.parse(await readFile(new URL(file, folder), "utf8"));
const program = await import(pathToFileURL(argv[2]));
const pairs = new URL("./public/pairs.json", import.meta.url);
if (!program.makesPairs && existsSync(pairs)) {
  const pool = JSON.parse(await readFile(pairs, "utf8"));
  usePairs((length) => pool[length]?.shift());
}
await (argv[4] ? program.scenarios[argv[4]] : program.default)({
  ...assert,
  place: "node",
  inline: argv[2].includes("inline"),
  version: argv[3],
  fixtures: async () => Promise.all((await readdir(folder)).sort().map(fixture)),
  wasmUrl: new URL(`data:application/octet-stream;base64,${wasm.toString("base64")}`),
  wasmBytes: async () => new Uint8Array(wasm).buffer,
});
// Whoever listens to a relay elsewhere keeps a process: these programs end when they have ended.
if (argv[2].includes("http")) process.exit();
