// The example with a server: between two browser profiles, and against those who are none of its users. See README.md.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { until, vault } from "../package/runner/assert.mjs";
import { launch } from "../tools/browser.mjs";
import { freePort, pack, project } from "../tools/project.mjs";
import { sqliteNode } from "../tools/sqlite-node.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const two = {};

const missing = sqliteNode === undefined && "no Node with SQLite is here: Node 22.13 or later, or npm's for Linux on x64";
describe("examples/two-devices", { skip: missing }, () => {
  before(async () => {
    // Below this folder, so that projects find the tools here as those of a workspace do; the package is their own.
    two.scratch = await mkdtemp(join(here, ".projects-"));
    const { tarball } = await pack(two.scratch);
    two.folder = await project(join(two.scratch, "two-devices"), tarball, join(here, "../../examples/two-devices"));
    two.browser = await launch();
    two.port = await freePort();
    two.address = `http://127.0.0.1:${two.port}/`;
    await start();
  });
  after(async () => {
    two.server?.kill("SIGKILL");
    await two.browser?.close();
    if (two.scratch) await rm(two.scratch, { recursive: true, force: true });
  });

  async function start() {
    two.said = "";
    two.server = spawn(sqliteNode, ["server.mjs"], { cwd: two.folder, env: { ...process.env, PORT: String(two.port) }, stdio: ["ignore", "pipe", "inherit"] });
    two.server.stdout.setEncoding("utf8").on("data", (text) => (two.said += text));
    await until(() => two.said.includes(two.address) || two.server.exitCode !== null, "server.mjs did not say that it listens");
    assert.equal(two.server.exitCode, null, "server.mjs ended");
  }

  async function restart() {
    two.server.kill("SIGKILL");
    await once(two.server, "exit");
    await start();
  }

  test("nothing can be typed before somebody listens: a form that sends itself puts a password into the address", async () => {
    const context = await two.browser.newContext({ javaScriptEnabled: false });
    try {
      const page = await context.newPage();
      await page.goto(two.address);
      await page.getByRole("heading", { name: "Share a file between two devices" }).waitFor();
      assert.equal(await page.locator("input:visible, button:visible").count(), 0);
    } finally {
      await context.close();
    }
  });

  test("nobody takes a login by asking for it", async () => {
    const { Regrant } = await import(pathToFileURL(join(two.folder, "node_modules/regrant/index.js")));
    const post = (path, body, cookie = "") => fetch(new URL(`account/${path}`, two.address), { method: "POST", headers: { "content-type": "application/json", cookie }, body: JSON.stringify(body) });
    const secret = (name) => name.repeat(32);
    const cookieOf = (response) => response.headers.get("set-cookie").split(";")[0];
    const open = (token) => Regrant.open({ application: "example-two-devices", relay: new URL("relay", two.address), store: "memory", ...(token && { token }) });
    const outcome = async (token, o) => {
      const regrant = await open(token);
      return regrant.connect({ login: "carol", ...vault(o ? 2 : 1) }, o).then(() => "connected", ({ code }) => code).finally(() => regrant.close());
    };
    const tokenBy = async (cookie) => (await (await post("token", {}, cookie)).json()).token;
    assert.equal(await outcome(), "ERR_UNAUTHENTICATED", "nobody vouches");
    const carol = cookieOf(await post("login", { login: "carol", secret: secret("c") }));
    const mallory = cookieOf(await post("login", { login: "mallory", secret: secret("m") }));
    assert.equal(await outcome(await tokenBy(mallory)), "ERR_FORBIDDEN", "another's token");
    assert.equal(await outcome(await tokenBy(carol)), "connected");
    // Keys are proof enough, and the way to begin anew is not.
    assert.equal(await outcome(), "connected");
    assert.equal(await outcome(undefined, { reset: true }), "ERR_UNAUTHENTICATED");
    assert.equal(await outcome(await tokenBy(mallory), { reset: true }), "ERR_FORBIDDEN");
    // The account itself is no easier to take; a code can be tried five times.
    assert.equal((await post("login", { login: "carol", secret: secret("m") })).status, 401);
    two.said = "";
    await post("forgot", { login: "carol" });
    await post("forgot", { login: "nobody" });
    const code = await until(() => /"carol": your code is (\d{6})/.exec(two.said)?.[1] !== undefined).then(() => /your code is (\d{6})/.exec(two.said)[1]);
    assert.ok(!two.said.includes("nobody"));
    const reset = (code) => post("reset", { login: "carol", secret: secret("n"), code }).then(({ status }) => status);
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, "0");
    for (let n = 0; n < 5; n++) assert.equal(await reset(wrong), 401);
    assert.equal(await reset(code), 401, "tried too often");
    assert.equal((await post("token", {}, carol)).status, 200, "whoever was logged in still is");
  });

  test("the server takes nothing that a page of another site can send, and shows nothing that it keeps", async () => {
    const send = (path, headers, method = "POST") =>
      new Promise((resolve, reject) => {
        const asked = request(new URL(path, two.address), { method, headers }, (response) => (response.resume(), resolve(response.statusCode)));
        asked.on("error", reject).end(method === "POST" ? "{}" : undefined);
      });
    const json = { "content-type": "application/json", "content-length": 2 };
    for (const path of ["relay/v1/example-two-devices/call", "account/token"]) {
      // What a form or a script sends without asking first; and a name that somebody made lead here.
      assert.equal(await send(path, { "content-type": "text/plain" }), 415, path);
      assert.equal(await send(path, {}), 415, path);
      assert.equal(await send(path, { ...json, host: "evil.example" }), 403, path);
    }
    assert.equal(await send("account/token", json), 401);
    assert.equal(await send("index.html", { accept: "text/html" }, "GET"), 200);
    for (const file of ["data/relay.db", "data/relay.db?raw", "data/relay.db-wal", "data/accounts.json", "data/accounts.json?import", `@fs${join(two.folder, "data/relay.db")}`]) {
      assert.notEqual(await send(file, { accept: "*/*" }, "GET"), 200, file);
    }
  });

  test("a file goes from one browser profile to another, and comes back after a loss", async () => {
    const profiles = [await two.browser.newContext(), await two.browser.newContext()];
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
        two.said = "";
        await page.getByRole("button", { name: lost ? "I lost my keys" : "Connect" }).click();
        if (lost) {
          await until(() => two.said.includes("your code is"), "no code was sent");
          await page.getByLabel("Code that was sent to you").fill(/your code is (\d{6})/.exec(two.said)[1]);
          await page.getByRole("button", { name: "Begin anew", exact: true }).click();
        }
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
      // All of it is there when the server was away, and pages that were open go on by themselves.
      await bob.close();
      await restart();
      const again = await open(profiles[1], shared);
      await connected(again, "bob");
      assert.deepEqual(await saved(again), bytes);

      // Bob loses everything while Alice is away; she has his code read out to her.
      await alice.close();
      const elsewhere = await two.browser.newContext();
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
