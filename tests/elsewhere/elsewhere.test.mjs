// The packed package where others use it: built by webpack, esbuild and Next.js, in pages and in each kind of worker,
// under a policy that allows WebAssembly and nothing else; and what tools for package authors say of it. See README.md.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { inEach, launchAll } from "../tools/engines.mjs";
import { freePort, node, pack, project, run, tool } from "../tools/project.mjs";
import { serve } from "../tools/serve.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const installed = (path) => join(here, "node_modules", path);
const QUIET = { NEXT_TELEMETRY_DISABLED: "1", CI: "1" };

const made = {};

before(async () => {
  // Below this folder, so that projects find the tools here as those of a workspace do; the package is their own.
  made.scratch = await mkdtemp(join(here, ".projects-"));
  made.packed = await pack(made.scratch);
  made.engines = await launchAll();
});

after(async () => {
  await made.engines?.close();
  if (made.scratch) await rm(made.scratch, { recursive: true, force: true });
});

/** A project of these files with the package installed; `inline`: from `regrant/inline`. */
async function begin(name, template, inline = false) {
  const folder = await project(join(made.scratch, name), made.packed.tarball, join(here, template));
  if (inline) {
    const story = join(folder, "story.js");
    await writeFile(story, (await readFile(story, "utf8")).replaceAll('"regrant"', '"regrant/inline"'));
  }
  return folder;
}

/** Opens a page and lets it do the story in a place. */
async function outcome(engine, address, place) {
  const context = await made.engines.browsers[engine].newContext();
  try {
    const page = await context.newPage();
    const errors = [];
    page.on?.("pageerror", (error) => errors.push(String(error)));
    page.on?.("console", (message) => {
      // Browsers ask for an icon by themselves.
      if (message.type() === "error" && !message.location().url.endsWith("/favicon.ico")) errors.push(`${message.text()} (${message.location().url})`);
    });
    await page.goto(address);
    await page.waitForFunction(() => globalThis.places);
    const came = await page.evaluate((place) => globalThis.places[place](), place);
    assert.deepEqual(errors, [], JSON.stringify(came));
    return came;
  } finally {
    await context.close();
  }
}

/**
 * What must come of it. `derives`: a file of the package is the worker in which passwords are derived. `locked`: keys do
 * not rest there, so a resumed session waits for the password, which is derived once more.
 */
function assertTold(came, { derives, locked = false }) {
  const { workers, ...rest } = came;
  assert.deepEqual(rest, { read: "healthy", again: "healthy", locked, derived: !derives || !workers ? 0 : locked ? 3 : 2 });
}

/** Where IndexedDB takes everything but keys: WebKitGTK 2.50. */
const keepsNoKeys = (engine, place) => engine === "webkit" && place === "shared worker";

/** A site that was built: the story in each of these places, and no violation of the policy. */
function inPlaces(engine, site, places, expected) {
  for (const place of places) {
    test(`in a ${place}`, async () => assertTold(await outcome(engine, await site().fresh(), place), { ...expected, locked: keepsNoKeys(engine, place) }));
  }
  test("the policy was never violated", () => assert.deepEqual(site().violations, []));
}

inEach("a violation of the policy", (engine) => {
  test("is reported to the server", async () => {
    const folder = join(made.scratch, `violating-${engine}`);
    await mkdir(folder);
    await writeFile(join(folder, "index.html"), '<!doctype html><title>x</title><script>globalThis.violated = true</script><script src="places.js"></script>');
    await writeFile(join(folder, "places.js"), "globalThis.places = { page: () => String(globalThis.violated) };");
    const site = await serve(folder);
    try {
      const context = await made.engines.browsers[engine].newContext();
      const page = await context.newPage();
      await page.goto(site.address);
      assert.equal(await page.evaluate(() => globalThis.places.page()), "undefined");
      for (let left = 100; left > 0 && site.violations.length === 0; left--) await new Promise((done) => setTimeout(done, 50));
      await context.close();
      assert.match(site.violations.join(), /script-src/);
    } finally {
      await site.close();
    }
  });
});

describe("webpack without configuration", () => {
  before(async () => {
    const folder = await begin("webpack", "project");
    await node(folder, installed("webpack-cli/bin/cli.js"), "build", "--mode=production", "--entry=./page.js");
    const html = await readFile(join(folder, "index.html"), "utf8");
    await writeFile(join(folder, "dist/index.html"), html.replace('type="module" src="./page.js"', 'defer src="./main.js"'));
    made.webpack = await serve(join(folder, "dist"));
  });
  after(() => made.webpack?.close());
  inEach("built by webpack", (engine) => inPlaces(engine, () => made.webpack, ["page", "dedicated worker", "shared worker"], { derives: true }));
});

describe("Vite without configuration", () => {
  before(async () => {
    const folder = await begin("vite", "project");
    await node(folder, tool("vite/bin/vite.js"), "build", "--logLevel", "error");
    made.vite = await serve(join(folder, "dist"));
  });
  after(() => made.vite?.close());
  inEach("built by Vite", (engine) => inPlaces(engine, () => made.vite, ["page", "dedicated worker", "shared worker"], { derives: true }));
});

describe("esbuild, from regrant/inline", () => {
  before(async () => {
    const folder = await begin("esbuild", "project", true);
    const esbuild = (...args) => node(folder, tool("esbuild/bin/esbuild"), "--bundle", "--outdir=dist", "--log-level=warning", ...args);
    await esbuild("--format=esm", "page.js", "worker.js", "shared-worker.js");
    // A service worker is a classic script everywhere, and may not import.
    await esbuild("service-worker.js");
    await cp(join(folder, "index.html"), join(folder, "dist/index.html"));
    made.esbuild = await serve(join(folder, "dist"));
  });
  after(() => made.esbuild?.close());
  inEach("built by esbuild", (engine) => {
    inPlaces(engine, () => made.esbuild, ["page", "dedicated worker", "shared worker", "service worker"], { derives: false });
  });
});

for (const [bundler, option] of [["Turbopack", "--turbopack"], ["webpack", "--webpack"]]) {
  describe(`Next.js by ${bundler}`, () => {
    const next = {};
    before(async () => {
      const folder = await begin(`next-${bundler}`, "next");
      await cp(join(here, "project/story.js"), join(folder, "app/story.js"));
      const bin = installed("next/dist/bin/next");
      await run(folder, "env", ...Object.entries(QUIET).map((pair) => pair.join("=")), process.execPath, bin, "build", option);
      next.reports = await serve(join(folder, "public"));
      const [port, env] = [await freePort(), { ...process.env, ...QUIET, VIOLATIONS: next.reports.reports }];
      next.address = `http://127.0.0.1:${port}/`;
      next.server = spawn(process.execPath, [bin, "start", "--hostname", "127.0.0.1", "--port", String(port)], { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
      for (let left = 200; !(await fetch(next.address).then(() => true, () => false)); left--) {
        assert.ok(left > 0 && next.server.exitCode === null, "next start did not start");
        await new Promise((done) => setTimeout(done, 100));
      }
    });
    after(async () => {
      next.server?.kill();
      await next.reports?.close();
    });
    inEach("from next start", (engine) => {
      test("on the server that renders", async () => {
        const { workers, ...came } = await outcome(engine, next.address, "server");
        assert.deepEqual(came, { read: "healthy", again: null, derived: 0 });
      });
      test("in the page", async () => assertTold(await outcome(engine, next.address, "page"), { derives: true }));
      test("the policy was never violated", () => assert.deepEqual(next.reports.violations, []));
    });
  });
}
