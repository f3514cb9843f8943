// What tools for package authors say of the packed package: nothing.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { node, pack, scratch } from "../tools/project.mjs";

const made = {};
before(async () => {
  made.scratch = await scratch();
  made.tarball = (await pack(made.scratch.folder)).tarball;
});
after(() => made.scratch?.remove());

test("publint finds nothing to say", async () => {
  const buffer = await readFile(made.tarball);
  const tarball = buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test("arethetypeswrong finds nothing wrong", async () => {
  // An ES module and nothing else: Node 20.19 and later load it by require(), too, and older resolutions than node16 know
  // no "exports". The WebAssembly is a file to be served, without types.
  const attw = fileURLToPath(new URL("node_modules/@arethetypeswrong/cli/dist/index.js", import.meta.url));
  const options = ["--profile", "esm-only", "--exclude-entrypoints", "regrant_bg.wasm", "relay_bg.wasm", "--format", "json"];
  const found = JSON.parse(await node(made.scratch.folder, attw, made.tarball, ...options));
  const { entrypoints, problems } = found.analysis;
  assert.deepEqual(Object.keys(entrypoints).sort(), [".", "./inline", "./package.json", "./relay", "./server", "./testing"]);
  assert.deepEqual(problems.filter(({ resolutionKind }) => !["node10", "node16-cjs"].includes(resolutionKind)), []);
});
