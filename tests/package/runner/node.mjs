// Runs one program in this process: node node.mjs PROGRAM VERSION [SCENARIO]
import { readFile, readdir } from "node:fs/promises";
import { argv } from "node:process";
import { pathToFileURL } from "node:url";
import * as assert from "./assert.mjs";

const wasm = await readFile(new URL("./node_modules/regrant/wasm/regrant_bg.wasm", import.meta.url));
const folder = new URL("./fixtures/", import.meta.url);
const fixture = async (file) => JSON.parse(await readFile(new URL(file, folder), "utf8"));
const program = await import(pathToFileURL(argv[2]));
await (argv[4] ? program.scenarios[argv[4]] : program.default)({
  ...assert,
  place: "node",
  inline: argv[2].includes("inline"),
  version: argv[3],
  fixtures: async () => Promise.all((await readdir(folder)).sort().map(fixture)),
  wasmUrl: new URL(`data:application/octet-stream;base64,${wasm.toString("base64")}`),
  wasmBytes: async () => new Uint8Array(wasm).buffer,
});
