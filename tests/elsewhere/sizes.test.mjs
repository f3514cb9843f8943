// How much an application gets bigger by the package, in each bundler: brotli at level 9, in bytes, of a page
// that uses it and does nothing else. `sizes.json` is what it was; more than a twentieth away from that is to be looked
// at, and recorded anew with REGRANT_RECORD=1. (Toolchains differ by less: with and without link-time optimization.)
import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";
import { node, pack, project, tool } from "../tools/project.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const recorded = join(here, "sizes.json");
const made = {};

before(async () => {
  made.scratch = await mkdtemp(join(here, ".projects-"));
  made.packed = await pack(made.scratch);
});
after(() => made.scratch && rm(made.scratch, { recursive: true, force: true }));

const PAGE = `import { Regrant } from "regrant";\nglobalThis.opening = Regrant.open({ application: "regrant" });\n`;
const HTML = `<!doctype html><title>x</title><script type="module" src="/page.js"></script>\n`;
const BUNDLERS = {
  Vite: (folder) => node(folder, tool("vite/bin/vite.js"), "build", "--logLevel", "error"),
  webpack: (folder) => node(folder, join(here, "node_modules/webpack-cli/bin/cli.js"), "build", "--mode=production", "--entry=./page.js"),
  "esbuild, inline": (folder) => node(folder, tool("esbuild/bin/esbuild"), "--bundle", "--minify", "--format=esm", "--outdir=dist", "--log-level=warning", "page.js"),
};

const LEVEL = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

/** Brotli takes long for the WebAssembly, which is the same file in all but one. */
const known = new Map();
async function size(bytes) {
  const key = bytes.toString("latin1");
  if (!known.has(key)) known.set(key, (await promisify(brotliCompress)(bytes, LEVEL)).length);
  return known.get(key);
}

async function sizes(folder) {
  const found = { javascript: 0, webassembly: 0 };
  for (const file of await readdir(folder, { recursive: true })) {
    const kind = { js: "javascript", wasm: "webassembly" }[file.split(".").at(-1)];
    if (kind) found[kind] += await size(await readFile(join(folder, file)));
  }
  return { ...found, together: found.javascript + found.webassembly };
}

test("what a page downloads has not changed unnoticed", async (context) => {
  const now = {};
  for (const [name, build] of Object.entries(BUNDLERS)) {
    const folder = await project(join(made.scratch, name.split(",")[0]), made.packed.tarball);
    await writeFile(join(folder, "page.js"), name.includes("inline") ? PAGE.replace('"regrant"', '"regrant/inline"') : PAGE);
    await writeFile(join(folder, "index.html"), HTML);
    await build(folder);
    now[name] = await sizes(join(folder, "dist"));
  }
  if (process.env.REGRANT_RECORD) await writeFile(recorded, `${JSON.stringify(now, null, 2)}\n`);
  const before = JSON.parse(await readFile(recorded, "utf8"));
  context.diagnostic(JSON.stringify(now));
  assert.deepEqual(Object.keys(now), Object.keys(before));
  for (const [name, { together }] of Object.entries(now)) {
    assert.ok(together > 100_000, `${name}: nothing was built`);
    const change = together / before[name].together - 1;
    assert.ok(Math.abs(change) < 0.05, `${name}: ${together} bytes, ${(change * 100).toFixed(1)} % away from sizes.json`);
  }
});
