// Runs one program in this process: node node.mjs PROGRAM VERSION
import { readFile } from "node:fs/promises";
import { argv } from "node:process";
import { pathToFileURL } from "node:url";
import * as assert from "./assert.mjs";

const wasm = await readFile(new URL("./node_modules/regrant/wasm/regrant_bg.wasm", import.meta.url));
const program = await import(pathToFileURL(argv[2]));
await program.default({
  ...assert,
  place: "node",
  inline: argv[2].includes("inline"),
  version: argv[3],
  wasmUrl: new URL(`data:application/octet-stream;base64,${wasm.toString("base64")}`),
  wasmBytes: async () => new Uint8Array(wasm).buffer,
});
