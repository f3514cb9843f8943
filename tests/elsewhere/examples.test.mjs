// The examples, each built as it stands and gone through in Chromium, under a policy that allows WebAssembly and nothing
// inline. See README.md.
import { request } from "node:http";
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

describe("examples/two-devices", () => {
  const two = {};
  before(async () => {
    const folder = await project(join(made.scratch, "two-devices"), made.packed.tarball, join(examples, "two-devices"));
    const port = await freePort();
    two.address = `http://127.0.0.1:${port}/`;
    two.server = spawn(process.execPath, ["server.mjs"], { cwd: folder, env: { ...process.env, PORT: String(port) }, stdio: ["ignore", "ignore", "inherit"] });
    for (let left = 200; !(await fetch(two.address).then(() => true, () => false)); left--) {
      assert.ok(left > 0 && two.server.exitCode === null, "server.mjs did not start");
      await new Promise((done) => setTimeout(done, 100));
    }
  });
  after(() => two.server?.kill());

  test("nothing can be typed before somebody listens: a form that sends itself puts a password into the address", async () => {
    const context = await made.browser.newContext({ javaScriptEnabled: false });
    try {
      const page = await context.newPage();
      await page.goto(two.address);
      await page.getByRole("heading", { name: "Share a file between two devices" }).waitFor();
      assert.equal(await page.locator("input:visible, button:visible").count(), 0);
    } finally {
      await context.close();
    }
  });

  test("the server takes nothing that a page of another site can send", async () => {
    const send = (headers) =>
      new Promise((resolve, reject) => {
        const url = new URL("relay/call", two.address);
        const asked = request(url, { method: "POST", headers }, (response) => (response.resume(), resolve(response.statusCode)));
        asked.on("error", reject).end("[]");
      });
    const json = "application/json";
    assert.equal(await send({ "content-type": json }), 200);
    // What a form or a script sends without asking first; and a name that somebody made lead here.
    assert.equal(await send({ "content-type": "text/plain" }), 403);
    assert.equal(await send({}), 403);
    assert.equal(await send({ "content-type": json, host: "evil.example" }), 403);
  });

  test("whoever has no session of the relay gets nothing by it", async () => {
    const json = { "content-type": "application/json" };
    const call = (operations, headers) => fetch(new URL("relay/call", two.address), { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(operations) });
    for (const headers of [{}, { authorization: "Bearer x" }, { authorization: "Basic x" }]) {
      const [{ refused }] = await (await call([{ op: "ownKeysets" }], headers)).json();
      assert.equal(refused, "ERR_UNAUTHENTICATED");
    }
    // What is no operation, no item, no part: said so, and nothing thrown at anybody.
    const item = "00000000-0000-4000-8000-000000000000";
    const refused = async (response) => [response.status, (await response.json()).code];
    assert.deepEqual(await refused(await call([{ op: "get" }])), [400, "ERR_BAD_INPUT"]);
    const part = (path, options) => fetch(new URL(`relay/parts/${path}`, two.address), options);
    assert.deepEqual(await refused(await part(`${item}/head?basis=${item}`)), [400, "ERR_UNAUTHENTICATED"]);
    assert.deepEqual(await refused(await part(`${item.toUpperCase().replace("4000", "A000")}/head?basis=${item}`)), [400, "ERR_BAD_INPUT"]);
    const put = { method: "PUT", headers: { "content-type": "application/octet-stream" }, body: "x" };
    assert.deepEqual(await refused(await part(`${item}/head`, put)), [400, "ERR_UNAUTHENTICATED"]);
    assert.equal((await part(item.slice(1), {})).status, 400);
    assert.equal((await fetch(new URL("relay/other", two.address))).status, 404);
  });

  test("a file goes from one browser profile to another, and comes back after a loss", async () => {
    const profiles = [await made.browser.newContext(), await made.browser.newContext()];
    try {
      const open = async (context, address) => {
        const page = await context.newPage();
        page.setDefaultTimeout(30_000);
        await page.goto(address);
        return page;
      };
      const connected = (page, login) => page.getByRole("status", { name: "You", exact: true }).filter({ hasText: login }).waitFor();
      const connect = async (context, address, login, password, lost = false) => {
        const page = await open(context, address);
        await page.getByLabel("Login").fill(login);
        await page.getByLabel("Password").fill(password);
        await page.getByRole("button", { name: lost ? "I lost my keys" : "Connect" }).click();
        await connected(page, login);
        return page;
      };
      let alice = await connect(profiles[0], two.address, "alice", "correct horse battery staple");
      const bob = await connect(profiles[1], two.address, "bob", "a doctor's long password");
      const bytes = Buffer.from(Array.from({ length: 1 << 20 }, (_, at) => at % 251));
      await alice.getByLabel("File", { exact: true }).setInputFiles({ name: "scan.bin", mimeType: "application/octet-stream", buffer: bytes });
      await alice.getByLabel("With").fill("bob");
      await alice.getByRole("button", { name: "Share" }).click();
      const address = alice.getByLabel("Address for them");
      await address.filter({ hasText: "#" }).waitFor();
      const shared = await address.textContent();

      const saved = async (page) => {
        const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "scan.bin, from alice" }).click()]);
        return readFile(await download.path());
      };
      await bob.close();
      const again = await open(profiles[1], shared);
      await connected(again, "bob");
      assert.deepEqual(await saved(again), bytes);

      // Bob loses everything while Alice is away; she has his code read out to her.
      await alice.close();
      const elsewhere = await made.browser.newContext();
      profiles.push(elsewhere);
      const anew = await connect(elsewhere, shared, "bob", "another password", true);
      await anew.getByLabel("Opened").filter({ hasText: "no access" }).waitFor();
      // Her page hears of it when she is back.
      alice = await open(profiles[0], two.address);
      await connected(alice, "alice");
      await alice.waitForFunction(() => document.querySelector("#give [name=login]").value === "bob");
      const give = async (code) => {
        await alice.getByLabel("Code that they read out").fill(code);
        await alice.getByRole("button", { name: "Give access back" }).click();
      };
      await give("00000 11111 22222 33333 44444 55555");
      await alice.getByRole("alert").filter({ hasText: "ERR_VERIFICATION_FAILED" }).waitFor();
      await give(await anew.getByLabel("Your code").textContent());
      await alice.getByLabel("Given back").filter({ hasText: "bob has access again" }).waitFor();
      // And his, that he can read again.
      assert.deepEqual(await saved(anew), bytes);
    } finally {
      for (const context of profiles) await context.close();
    }
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
