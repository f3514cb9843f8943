// The examples, each built as it stands and gone through in Chromium, under a policy that allows WebAssembly and nothing
// inline. See README.md.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "../tools/browser.mjs";
import { freePort, node, pack, project, run, tool } from "../tools/project.mjs";
import { serve } from "../tools/serve.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const examples = join(here, "../../examples");
const installed = (path) => join(here, "node_modules", path);
const QUIET = { NEXT_TELEMETRY_DISABLED: "1", CI: "1" };
const WITH_VITE = ["vanilla", "react", "svelte", "worker"];
const made = {};

before(async () => {
  // Below this folder, so that projects find the tools here as those of a workspace do; the package is their own.
  made.scratch = await mkdtemp(join(here, ".projects-"));
  made.packed = await pack(made.scratch);
  made.browser = await launch();
});

after(async () => {
  await made.browser?.close();
  if (made.scratch) await rm(made.scratch, { recursive: true, force: true });
});

/** Alice shares, Bob reads; she loses her keys; a wrong code gives nothing back, hers does: once for each of these texts. */
async function goThrough(address, share, texts = ["see you at eight"]) {
  const context = await made.browser.newContext();
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      // Browsers ask for an icon by themselves.
      if (message.type() === "error" && !message.location().url.endsWith("/favicon.ico")) errors.push(message.text());
    });
    await page.goto(address);
    const alice = page.getByLabel("Alice reads");
    const bob = page.getByLabel("Bob reads");
    const code = page.getByLabel("Alice's code");
    const says = async (output, text) => {
      await output.filter({ hasText: text }).waitFor().catch(async (error) => {
        throw new Error(`${error.message}\nit says ${await output.textContent()}; ${(await page.getByRole("alert").allTextContents()).join()}; ${errors}`);
      });
      assert.equal(await output.textContent(), text);
    };
    await says(bob, "nothing yet");
    for (const text of texts) {
      const shown = await share(page, text);
      await page.getByRole("button", { name: "Share with Bob" }).click();
      await says(bob, shown);
      await says(alice, shown);

      const before = await code.textContent();
      await page.getByRole("button", { name: "Lose keys and password" }).click();
      await says(alice, "no access");
      await says(bob, shown);
      const readOut = await code.textContent();
      assert.match(readOut, /^(\d{5} ){5}\d{5}$/);
      assert.notEqual(readOut, before);

      const heard = page.getByLabel("Code that Alice read out");
      await heard.fill("00000 11111 22222 33333 44444 55555");
      await page.getByRole("button", { name: "Give access back" }).click();
      await page.getByRole("alert").filter({ hasText: "That is not her code." }).waitFor();
      assert.equal(await alice.textContent(), "no access");

      await heard.fill(readOut);
      await page.getByRole("button", { name: "Give access back" }).click();
      await says(alice, shown);
    }
    assert.deepEqual(errors, []);
  } finally {
    await context.close();
  }
}

const note = async (page, text) => {
  await page.getByLabel("Note").fill(text);
  return text;
};
const file = async (page, text) => {
  await page.getByLabel("File").setInputFiles({ name: "note.txt", mimeType: "text/plain", buffer: Buffer.from(text) });
  return `note.txt: ${text}`;
};

describe("built by Vite", { concurrency: 2 }, () => {
  for (const name of WITH_VITE) {
    test(`examples/${name}`, async () => {
      const folder = await project(join(made.scratch, name), made.packed.tarball, join(examples, name));
      await node(folder, tool("vite/bin/vite.js"), "build", "--logLevel", "error");
      const site = await serve(join(folder, "dist"));
      try {
        if (name === "vanilla") await goThrough(site.address, file, ["see you at eight", "or at nine"]);
        else await goThrough(site.address, note);
        assert.deepEqual(site.violations, []);
      } finally {
        await site.close();
      }
    });
  }
});

describe("examples/next", () => {
  const next = {};
  before(async () => {
    const folder = await project(join(made.scratch, "next"), made.packed.tarball, join(examples, "next"));
    // Only here are the tools two folders up; an application's own are beside it.
    const config = await readFile(join(folder, "next.config.mjs"), "utf8");
    const root = JSON.stringify(join(here, ".."));
    await writeFile(join(folder, "next.config.mjs"), config.replace("{ ", `{ turbopack: { root: ${root} }, outputFileTracingRoot: ${root}, `));
    const bin = installed("next/dist/bin/next");
    await run(folder, "env", ...Object.entries(QUIET).map((pair) => pair.join("=")), process.execPath, bin, "build");
    const port = await freePort();
    next.address = `http://127.0.0.1:${port}/`;
    next.server = spawn(process.execPath, [bin, "start", "--hostname", "127.0.0.1", "--port", String(port)], { cwd: folder, env: { ...process.env, ...QUIET }, stdio: ["ignore", "ignore", "inherit"] });
    for (let left = 200; !(await fetch(next.address).then(() => true, () => false)); left--) {
      assert.ok(left > 0 && next.server.exitCode === null, "next start did not start");
      await new Promise((done) => setTimeout(done, 100));
    }
  });
  after(() => next.server?.kill());

  test("in the page", () => goThrough(next.address, note));
  test("has a strict policy, and begins with what the server rendered", async () => {
    const answer = await fetch(next.address);
    assert.match(answer.headers.get("content-security-policy"), /^default-src 'none'; script-src 'self' 'nonce-[\w+/=]+' 'wasm-unsafe-eval';/);
    assert.match(await answer.text(), /Opening …/);
  });
});

test("each example names the versions that are tested here", async () => {
  const tested = {};
  for (const folder of ["..", "."]) {
    Object.assign(tested, JSON.parse(await readFile(join(here, folder, "package.json"), "utf8")).devDependencies);
  }
  const folders = (await readdir(examples, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  assert.deepEqual(folders.sort(), [...WITH_VITE, "next", "two-devices"].sort());
  for (const folder of folders) {
    const { dependencies, devDependencies } = JSON.parse(await readFile(join(examples, folder, "package.json"), "utf8"));
    for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
      assert.equal(range, name === "regrant" ? "file:../../pkg" : tested[name], `${folder}: ${name}`);
    }
  }
});
