// Installs the packed package beside the page, opens it in Chromium and prints what came of it: node run.mjs [--check] [--json FILE] [WORD]
// WORD: only benches whose name holds it.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { launch } from "../tests/tools/browser.mjs";
import { node, pack, project, scratch, tool } from "../tests/tools/project.mjs";
import { serve } from "../tests/tools/serve.mjs";

/** The release WebAssembly, gzipped, is to be no larger. */
const MAX_WASM = 300_000;

const here = fileURLToPath(new URL(".", import.meta.url));
const given = argv.slice(2);
const check = given.includes("--check");
const json = given.includes("--json") ? given[given.indexOf("--json") + 1] : undefined;
const only = given.filter((word, at) => !word.startsWith("--") && given[at - 1] !== "--json").join(" ");

const number = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
/** A target is a ratio, or where somebody waits, the most milliseconds. */
const reached = ({ ms, ratio, target, most }) => (most === undefined ? ratio >= target : ms <= most);
const aim = ({ target, most }) => (most === undefined ? `at least ${number(target)}` : `at most ${number(most)} ms`);
const show = ({ name, ms, plainMs, ratio, ...aims }) =>
  `${reached({ ms, ratio, ...aims }) ? "  " : "✗ "}${name.padEnd(52)} ${number(ratio).padStart(7)} times (${aim(aims)}): ${number(ms)} ms, plainly ${number(plainMs)} ms`;

const place = await scratch();
let browser, site;
const results = [];
let size;
try {
  const packed = await pack(place.folder);
  const folder = join(place.folder, "bench");
  await project(folder, packed.tarball, here);
  await node(folder, tool("vite/bin/vite.js"), "build", "--logLevel", "error", "--target", "es2022");
  size = gzipSync(await readFile(join(folder, "node_modules/regrant/wasm/regrant_bg.wasm")), { level: 9 }).length;
  site = await serve(join(folder, "dist"));
  browser = await launch();
  const names = await inPage((page) => page.evaluate(() => globalThis.bench.names));
  for (const name of names.filter((name) => name.includes(only))) {
    // A page of its own for each: nothing of the one before is in the way.
    const result = await inPage((page) => page.evaluate((name) => globalThis.bench.run(name), name));
    results.push(result);
    console.log(show(result));
  }
} finally {
  await browser?.close();
  await site?.close();
  await place.remove();
}

async function inPage(work) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`${site.address}`);
    await page.waitForFunction(() => globalThis.bench);
    return await work(page);
  } finally {
    await context.close();
  }
}

console.log(`${size <= MAX_WASM ? "  " : "✗ "}release wasm, gzipped: ${size} bytes (at most ${MAX_WASM})`);
if (json) await writeFile(json, `${JSON.stringify({ results, wasm: { gzipped: size, most: MAX_WASM } }, null, 2)}\n`);
const missed = results.filter((result) => !reached(result)).map(({ name }) => name);
if (size > MAX_WASM) missed.push("release wasm, gzipped");
if (missed.length > 0) console.log(`\nmissed: ${missed.join("; ")}`);
if (check && missed.length > 0) exit(1);
