// Packs pkg/, installs the tarball where a user would, and runs the programs there. See README.md.
import assert from "node:assert/strict";
import { cp, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { after, before, describe, test } from "node:test";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { createServer } from "vite";
import { withPage } from "../tools/browser.mjs";
import { atOnce, launchAll } from "../tools/engines.mjs";
import { pairs } from "../tools/pairs.mjs";
import { node, pack, project, scratch, tool } from "../tools/project.mjs";
import { CONTENT_SECURITY_POLICY, serve } from "../tools/serve.mjs";
import { relayForTests } from "./relay.mjs";
import { until } from "./runner/assert.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const programs = await Promise.all(
  (await readdir(join(here, "programs"))).sort().map(async (file) => {
    const source = await readFile(join(here, "programs", file), "utf8");
    const said = (name, otherwise) => JSON.parse((source.match(new RegExp(`^export const ${name} = (\\[[^\\]]*\\]);?$`, "m"))?.[1] ?? otherwise).replace(/,\s*\]$/, "]"));
    const scenarios = Array.from(source.matchAll(/^  "(.+)": async \(/gm), ([, name]) => name);
    return {
      file,
      source,
      scenarios: scenarios.length > 0 ? scenarios : [undefined],
      where: said("where", '["browser", "node"]'),
      engines: said("engines", '["chromium", "firefox", "webkit", "node"]'),
      variants: said("variants", '["programs"]'),
      open: said("open", "[]"),
    };
  }),
);
const variants = ["programs", "inline"];

/** Whether every program runs in every engine: `cargo xtask test --browsers …`. */
const everywhere = process.env.REGRANT_EVERYWHERE === "1";

/**
 * What runs in a place: each program, or each of its scenarios. A program that says that engines make no difference to it
 * runs in Chromium alone, and neither in the other browsers nor in Node, unless everything was asked for. The inline build
 * has the same modules ("regrant/inline is the package" below) but for where its WebAssembly comes from and for what has
 * no worker beside it: what concerns these runs from it, too, and in more than Chromium the story does.
 */
const runs = (place, variant, engine = place) =>
  programs
    .filter(({ where, variants }) => where.includes(place) && variants.includes(variant))
    .filter(({ engines }) => everywhere || engines.includes(engine))
    .filter(({ file }) => variant === "programs" || ["node", "chromium"].includes(engine) || file === "story.mjs")
    .flatMap(({ file, scenarios, open }) =>
      scenarios.map((scenario) => {
        const [name, isOpen] = [scenario === undefined ? `${variant}/${file}` : `${variant}/${file}: ${scenario}`, open.includes(scenario)];
        return { file, scenario, isOpen, name: isOpen ? `${name} (not withstood yet)` : name };
      }),
    );

/** Of an attack that is not withstood yet it is known that it succeeds: that it does not any more is news. */
async function expecting(isOpen, attack) {
  if (!isOpen) return attack();
  await assert.rejects(attack, "this attack is withstood now: take it out of its program's `open`, and out of docs/threat-model.md");
}

/** No program takes so long, beside whatever else goes on. */
const DEADLINE_MS = 300_000;

/** What `before` makes: folders, the packed package, servers and a browser. */
const made = {};

before(async () => {
  made.scratch = await scratch();
  const { folder } = made.scratch;
  made.packed = await pack(folder);
  made.relay = await relayForTests();
  // Side by side: they wait for files, for npm and for browsers.
  const [pool, engines] = await Promise.all([pairs(), launchAll()]);
  made.engines = engines;
  [made.node, made.vite] = await Promise.all(["node", "vite"].map((name) => prepare(join(folder, name), pool)));
  await node(made.vite, tool("vite/bin/vite.js"), "build", "--logLevel", "error", "--target", "es2022");
  made.development = await createServer({ root: made.vite, configFile: false, logLevel: "error", server: { host: "127.0.0.1", port: 0 } });
  await made.development.listen();
});

after(async () => {
  await made.engines?.close();
  await made.development?.close();
  await made.relay?.close();
  await made.scratch?.remove();
});

/** What stands for "regrant" in a copy of the programs. */
const stands = { programs: "regrant", inline: "regrant/inline", http: "../over-http.mjs" };

/** A project with the runner and copies of the programs: as they are, from `regrant/inline`, and over HTTP. */
async function prepare(folder, pool) {
  await project(folder, made.packed.tarball, join(here, "runner"));
  for (const [variant, name] of Object.entries(stands)) {
    await mkdir(join(folder, variant));
    for (const { file, source, variants } of programs) {
      if (variant === "http" && !variants.includes(variant)) continue;
      await writeFile(join(folder, variant, file), source.replaceAll('"regrant"', JSON.stringify(name)));
    }
  }
  await mkdir(join(folder, "fixtures"));
  for (const file of await readdir(join(here, "../fixtures"))) {
    if (file.endsWith(".json")) await cp(join(here, "../fixtures", file), join(folder, "fixtures", file));
  }
  await mkdir(join(folder, "public"));
  await cp(join(folder, "node_modules/regrant/wasm/regrant_bg.wasm"), join(folder, "public/regrant.bin"));
  await writeFile(join(folder, "public/pairs.json"), JSON.stringify(pool));
  return folder;
}

/** Opens a program in a fresh page and gives its outcome. */
async function outcome(engine, address, program, scenario = "") {
  const query = new URLSearchParams({ program, scenario, version: made.packed.version, relay: made.relay.address });
  const use = async (page) => {
    await page.waitForFunction(() => document.body?.dataset.outcome, undefined, { timeout: DEADLINE_MS }).catch(async (cause) => {
      const seen = await page.evaluate(() => [location.href, document.readyState, globalThis.uncaught?.(), document.body?.innerText].join("\n")).catch(String);
      throw new Error(`${program} ${scenario} did not end in ${DEADLINE_MS / 1000} s; its page:\n${seen}`, { cause });
    });
    return page.evaluate(() => document.body.dataset.outcome);
  };
  // A relay that refuses is no error of the page's, although consoles show it as one.
  const isRefusal = (url) => url.startsWith(made.relay.address);
  return withPage(made.engines.browsers[engine], `${address}?${query}`, use, undefined, isRefusal);
}

/** Runs a program in a thread of this process, which has globals and modules of its own. */
async function inThread(file, ...args) {
  const worker = new Worker(join(made.node, "node.mjs"), { argv: [join(made.node, file), made.packed.version, ...args], env: { ...process.env, REGRANT_RELAY: made.relay.address }, stdout: true, stderr: true });
  const said = [];
  for (const stream of [worker.stdout, worker.stderr]) stream.on("data", (data) => said.push(data));
  let timer;
  try {
    await new Promise((done, failed) => {
      timer = setTimeout(() => failed(new Error(`${file} ${args} did not end in ${DEADLINE_MS / 1000} s`)), DEADLINE_MS);
      worker.once("error", failed);
      worker.once("exit", (code) => (code === 0 ? done() : failed(new Error(`${file} ${args} ended with ${code}`))));
    });
  } catch (error) {
    throw new Error(`${error.stack ?? error}\n${Buffer.concat(said)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

test("the tarball holds the package and nothing else", () => {
  const { files } = made.packed;
  for (const wanted of [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "index.d.ts",
    "index.js",
    "hash/worker.js",
    "kdf/worker.js",
    "relay/directory.js",
    "inline/index.d.ts",
    "inline/index.js",
    "package.json",
    "source/node.js",
    "source/relay-node.js",
    "source/relay-web.js",
    "source/web.js",
    "wasm/regrant.js",
    "wasm/regrant_bg.wasm",
    "wasm/relay.js",
    "wasm/relay_bg.wasm",
  ]) {
    assert.ok(files.includes(wanted), `${wanted} is missing`);
  }
  const odd = files.filter((file) => !/^(LICENSE-\w+|THIRD-PARTY-NOTICES\.txt|picture\.svg|[\w./-]+\.(md|js|map|ts|json|wasm))$/.test(file));
  assert.deepEqual(odd, []);
  assert.ok(!files.some((file) => file.includes("node_modules") || file.startsWith(".")));
});

test("regrant/inline is the package, with the WebAssembly inside and without what needs a file beside it", async () => {
  const pkg = join(made.node, "node_modules/regrant");
  const inline = await readFile(join(pkg, "inline/index.js"), "utf8");
  for (const name of ["regrant", "relay"]) {
    const wasm = (await readFile(join(pkg, `wasm/${name}_bg.wasm`))).toString("base64");
    assert.ok(inline.includes(wasm.replace(/=+$/, "")), `the same WebAssembly: ${name}`);
  }
  const { sources } = JSON.parse(await readFile(join(pkg, "inline/index.js.map"), "utf8"));
  const inside = new Set(sources.map((source) => posix.normalize(posix.join("inline", source))));
  /** What the bundle has in place of what these names lead to elsewhere. */
  const others = { "#source": undefined, "#relay-source": undefined, "#hash": "hash/here.js", "#kdf": "kdf/here.js", "#directory": "relay/directory.js", "#store-directory": "store/directory.js" };
  // From the entry along every import: each module is inside.
  const [next, seen] = [["index.js"], new Set()];
  for (let file; (file = next.pop()); ) {
    if (seen.has(file)) continue;
    seen.add(file);
    assert.ok(inside.has(file), `${file} is not inside`);
    const text = await readFile(join(pkg, file), "utf8");
    for (const [, to] of text.matchAll(/(?:^(?:import|export)\b[^;]*?|\bimport\()"([.#][^"]+)"/gm)) {
      const found = to.startsWith("#") ? others[to] : posix.normalize(posix.join(posix.dirname(file), to));
      if (found) next.push(found);
    }
  }
  assert.ok(seen.size > 20, `only ${seen.size} modules`);
  assert.deepEqual([...inside].filter((file) => !seen.has(file)), ["decoded", "inline-relay", "inline"].map((name) => `../pkg-template/source/${name}.js`));
});

test("its types are found by bundlers and by Node's own resolution", async () => {
  const uses = 'import { init, version } from "regrant";\nimport * as inline from "regrant/inline";\n';
  await writeFile(join(made.node, "uses.ts"), `${uses}const text: string = await version();\nawait init(text);\nawait inline.init();\n`);
  for (const [module, resolution] of [["esnext", "bundler"], ["nodenext", "nodenext"]]) {
    const options = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom", "--types", ""];
    const how = ["--module", module, "--moduleResolution", resolution];
    await node(made.node, tool("typescript/bin/tsc"), ...options, ...how, "uses.ts");
  }
});

// Two at once: they wait for key pairs most of the time, and share nothing.
describe("in Node", { concurrency: 2 }, () => {
  for (const variant of Object.keys(stands)) {
    for (const { file, scenario, isOpen, name } of runs("node", variant)) {
      test(name, () => expecting(isOpen, () => inThread(join(variant, file), ...(scenario === undefined ? [] : [scenario]))));
    }
  }
});

describe("a relay in a directory, in Node", () => {
  for (const variant of variants) {
    test(`${variant}: processes at once and in turn, and a write that was interrupted`, async () => {
      await node(made.node, "directory.mjs", variant === "inline" ? "regrant/inline" : "regrant");
    });
  }
});

describe("a store in a directory, in Node", () => {
  test("processes at once lose nothing, and what a dead one left behind is cleared away", () => node(made.node, "store-directory.mjs", "regrant"));
});

atOnce((engine) => {
  describe("built by Vite without configuration, under a strict content security policy", () => {
    let site;
    before(async () => void (site = await serve(join(made.vite, "dist"))));
    after(() => site?.close());
    // WebDriver drives one page at a time.
    describe("the programs", { concurrency: engine === "chromium" ? 2 : 1 }, () => {
      for (const variant of variants) {
        for (const { file, scenario, isOpen, name } of runs("browser", variant, engine)) {
          test(name, () => expecting(isOpen, async () => assert.equal(await outcome(engine, await site.fresh(), `${variant}/${file}`, scenario), "ok")));
        }
      }
    });
    test("the policy was never violated", () => assert.deepEqual(site.violations, []));
  });

  describe("over HTTP, from pages of another origin", () => {
    let site;
    const headers = () => ({ "content-security-policy": CONTENT_SECURITY_POLICY.replace("connect-src 'self'", `connect-src 'self' ${made.relay.address}`) });
    before(async () => void (site = await serve(join(made.vite, "dist"), { headers: headers() })));
    after(() => site?.close());
    for (const { file, scenario, name } of runs("browser", "http", engine)) {
      test(name, async () => assert.equal(await outcome(engine, await site.fresh(), `http/${file}`, scenario), "ok"));
    }

    test("two tabs of a login have one connection, which goes on when its tab is closed", { timeout: DEADLINE_MS }, async () => {
      const run = randomUUID();
      const address = await site.fresh();
      const contexts = [await made.engines.browsers[engine].newContext(), await made.engines.browsers[engine].newContext()];
      const open = async (context, login) => {
        const page = await context.newPage();
        const ask = (what) => page.evaluate((what) => globalThis.tab("http", what), what);
        await page.goto(`${address}?${new URLSearchParams({ program: "tab", relay: made.relay.address, run })}`);
        await page.waitForFunction(() => globalThis.tab);
        await ask(login);
        return { page, ask, hears: (count) => page.waitForFunction((count) => globalThis.tab("http", "count").then((heard) => heard >= count), count) };
      };
      /** All that wait, if that can be seen: a connection of each login's. */
      const connections = async (count) => made.relay.streams(run) === undefined || until(() => made.relay.streams(run) === count, `there are ${made.relay.streams(run)} connections instead of ${count}`);
      try {
        const [one, two] = [await open(contexts[0], "alice"), await open(contexts[0], "alice")];
        const bob = await open(contexts[1], "bob");
        await connections(2);
        await bob.ask("share");
        await Promise.all([one.hears(1), two.hears(1)]);
        await connections(2);
        await one.page.close();
        await connections(2);
        await bob.ask("share");
        await two.hears(2);
        await connections(2);
      } finally {
        for (const context of contexts) await context.close();
      }
    });
  });

  describe("in two tabs", () => {
    let site;
    before(async () => void (site = await serve(join(made.vite, "dist"))));
    after(() => site?.close());
    for (const variant of variants) {
      test(`${variant}: each hears what the other does, and signing out ends both`, async () => {
        const context = await made.engines.browsers[engine].newContext();
        const address = await site.fresh();
        try {
          const open = async (part) => {
            const page = await context.newPage();
            const ask = (what) => page.evaluate(([name, what]) => globalThis.tab(name, what), [variant, what]);
            await page.goto(`${address}?${new URLSearchParams({ program: "tab", part })}`);
            await page.waitForFunction(() => globalThis.tab);
            return { page, ask };
          };
          const [one, two] = [await open("one"), await open("two")];
          await one.ask("alice");
          await two.ask("bob");
          const sealed = await one.ask("share");
          assert.equal(await two.ask(sealed), "for bob");
          assert.ok((await two.ask("heard")).includes("granted"));
          assert.deepEqual(await two.ask("resume"), ["alice", false]);
          await one.ask("disconnect");
          await two.page.waitForFunction(([name]) => globalThis.tab(name, "alice ended"), [variant]);
        } finally {
          await context.close();
        }
      });
    }
  });

  // A reload in the middle is the browser's matter, and Playwright's to time.
  if (engine === "chromium") describe("in a page that is reloaded while it sends a file", () => {
    let site;
    before(async () => void (site = await serve(join(made.vite, "dist"))));
    after(() => site?.close());
    for (const variant of variants) {
      test(`${variant}: the same upload goes on, and nothing of it is left`, async () => {
        const context = await made.engines.browsers.chromium.newContext();
        try {
          const page = await context.newPage();
          await page.goto(`${site.address}?program=upload`);
          await page.waitForFunction(() => globalThis.upload);
          await page.evaluate((variant) => globalThis.upload.begin(variant), variant);
          await page.waitForFunction(() => globalThis.sent >= 9 << 20, undefined, { polling: 5 });
          await page.reload();
          await page.waitForFunction(() => globalThis.upload);
          const begun = await page.evaluate(() => globalThis.upload.uploads());
          assert.equal(begun.length, 1, "an upload is under way");
          const { id, told, same, left } = await page.evaluate((variant) => globalThis.upload.goOn(variant), variant);
          assert.deepEqual(begun, [id]);
          assert.ok(same, "all of it is there");
          assert.deepEqual(left, []);
          assert.ok(told.length > 0 && told.every((done, at) => at === 0 || done >= told[at - 1]), told.join());
        } finally {
          await context.close();
        }
      });
    }
  });

  describe("in three tabs that write to one store at once", () => {
    let site;
    before(async () => void (site = await serve(join(made.vite, "dist"))));
    after(() => site?.close());
    const logins = Array.from({ length: 45 }, (_, at) => `peer ${at}`);
    /** What tab `at` does: it remembers everybody, beginning elsewhere than the others, and compares every third. */
    const share = (at) => ({
      logins: [...logins.slice(15 * at), ...logins.slice(0, 15 * at)],
      verify: logins.filter((_, of) => of % 3 === at),
    });
    const verified = Object.fromEntries(logins.map((login) => [login, "verified"]));

    const missing = { "": [], "without Web Locks": [["without", "locks"]], "without channels": [["without", "BroadcastChannel"]] };
    const kinds = [["programs", "indexeddb", ""], ["inline", "localstorage", ""], ["programs", "indexeddb", "without Web Locks"], ["programs", "localstorage", "without channels"]];
    for (const [variant, store, without] of kinds) {
      test(`${variant}, ${store} ${without}: nothing is lost, and what was signed out stays so`, async () => {
        const context = await made.engines.browsers[engine].newContext();
        const address = await site.fresh();
        try {
          const open = async () => {
            const page = await context.newPage();
            await page.goto(`${address}?${new URLSearchParams([["program", "writer"], ...missing[without]])}`);
            await page.waitForFunction(() => globalThis.writer);
            const ask = (task, given) => page.evaluate(([task, given]) => globalThis.writer(task, given), [task, given]);
            await ask("open", { variant, store, name: "writers" });
            return ask;
          };
          const tabs = [await open(), await open(), await open()];
          await tabs[0]("register", { logins });
          for (const tab of tabs) await tab("connect");
          const written = await Promise.all(tabs.map((tab, at) => tab("write", { ...share(at), anew: true })));
          assert.deepEqual(written, Array(3).fill({ written: logins.length }));
          const fresh = await open();
          assert.equal(await fresh("resume"), store !== "indexeddb");
          assert.deepEqual(await fresh("states", { logins }), verified);

          // Locked in one tab while others write: it stays locked, and still nothing is lost.
          await fresh("disconnect");
          for (const tab of tabs) {
            // Nothing new is stored by this: it ends because it was told.
            for (let left = 40; left > 0 && (await tab("write", { logins: ["peer 0"], verify: [] })).code !== "ERR_NOT_CONNECTED"; left--) {
              assert.ok(left > 1, "a tab was not told that another signed out");
              await new Promise((done) => setTimeout(done, 50));
            }
            await tab("connect");
          }
          const lock = async () => {
            await tabs[0]("write", { logins: logins.slice(0, 5), verify: [] });
            await tabs[0]("lock");
          };
          await Promise.all([lock(), tabs[1]("write", { logins, verify: logins.slice(20) }), tabs[2]("write", { logins, verify: logins.slice(0, 20) })]);
          assert.equal(await fresh("resume"), true);
          assert.deepEqual(await fresh("states", { logins }), verified);

          // Two in one page.
          await fresh("disconnect");
          await tabs[0]("connect");
          const some = logins.slice(0, 20);
          const halves = [{ logins: some, verify: some.slice(10) }, { logins: some, verify: some.slice(0, 10) }];
          assert.deepEqual(await tabs[0]("writeTwice", { halves }), Array(2).fill({ written: some.length }));
          await fresh("resume");
          const seen = await fresh("states", { logins: some });
          assert.deepEqual(Object.values(seen), some.map(() => "verified"));

          // One signs out while the others write: they end, and bring nothing back.
          await fresh("disconnect");
          for (const tab of tabs) await tab("connect");
          const leave = async () => {
            for (const tab of tabs.slice(1)) while (!(await tab("pauses")));
            // In the midst of it, however slow it is to ask a tab.
            await Promise.all([tabs[0]("disconnect"), tabs[1]("goOn"), tabs[2]("goOn")]);
          };
          const [, ...ended] = await Promise.all([leave(), tabs[1]("write", { ...share(1), pause: 3 }), tabs[2]("write", { ...share(2), pause: 3 })]);
          for (const { written, code } of ended) assert.ok(code === "ERR_NOT_CONNECTED" && written < logins.length, `${code} after ${written}`);
          for (const tab of [...tabs, fresh]) assert.deepEqual(await tab("stored"), []);
          assert.equal(await fresh("resume"), null);
        } finally {
          await context.close();
        }
      });
    }
  });

  describe("from Vite's development server", () => {
    for (const variant of variants) {
      test(`${variant}/version.mjs`, async () => {
        assert.equal(await outcome(engine, made.development.resolvedUrls.local[0], `${variant}/version.mjs`), "ok");
      });
    }
  });
});

test("esbuild bundles regrant/inline into one file that needs nothing else", async () => {
  const out = join(made.scratch.folder, "single", "program.mjs");
  const entry = join(made.vite, "inline/version.mjs");
  await node(made.vite, tool("esbuild/bin/esbuild"), entry, "--bundle", "--format=esm", `--outfile=${out}`);
  await node(made.node, "node.mjs", out, made.packed.version);
});
