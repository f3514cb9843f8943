// Every block of code on the pages is run, opened, or checked; see README.md.
import assert from "node:assert/strict";
import { access, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, withPage } from "../tools/browser.mjs";
import { node, pack, project, scratch, tool } from "../tools/project.mjs";
import { CONTENT_SECURITY_POLICY, serve } from "../tools/serve.mjs";
import { allBlocks, anchorsOf, linksOf, pages, promised, root, rustFiles } from "./blocks.mjs";
import { complaint } from "./shell.mjs";

const KNOWN = ["js", "ts", "html", "http", "sh", "json", "text"];
const blocks = await allBlocks();
const of = (language, more = () => true) => blocks.filter((block) => block.language === language && more(block));
/** Node 20 has no `Object.groupBy`. */
const grouped = (some, by) => {
  const groups = new Map();
  for (const each of some) groups.set(by(each), [...(groups.get(by(each)) ?? []), each]);
  return [...groups];
};

const made = {};
before(async () => {
  made.scratch = await scratch();
  made.packed = await pack(made.scratch.folder);
  made.browser = await launch();
});
after(async () => {
  await made.browser?.close();
  await made.scratch?.remove();
});

test("each block says what it is", () => {
  for (const { language, where } of blocks) assert.ok(KNOWN.includes(language), `${where}: ${language || "no word"}`);
  for (const { language, file, where } of blocks) {
    if (file !== undefined) assert.match(file, /^(examples|plain|vite)\//, where);
    else assert.notEqual(language, "html", `${where}: an html block belongs to a project`);
  }
  assert.ok(blocks.length > 50, `only ${blocks.length} blocks`);
});

describe("programs run, and print what they say", { concurrency: 2 }, () => {
  let place;
  before(async () => {
    place = await project(join(made.scratch.folder, "programs"), made.packed.tarball);
    await cp(new URL("quick.mjs", import.meta.url), join(place, "quick.mjs"));
  });
  for (const [page, parts] of grouped(of("js", ({ file }) => file === undefined), ({ page }) => page)) {
    test(page, async () => {
      const text = parts.map((part) => part.text).join("\n");
      assert.equal(promised(text).length, text.match(/console\.log\(/g)?.length ?? 0, "each console.log says what it prints");
      const file = `${page.replaceAll("/", "-")}.mjs`;
      await writeFile(join(place, file), text);
      // What derives secrets by itself must do so as `open` does.
      const quick = text.includes("deriveSecrets") ? [] : ["--import", "./quick.mjs"];
      assert.equal(await node(place, ...quick, file), promised(text).map((line) => `${line}\n`).join(""));
    });
  }
});

test("the README's example has twenty lines", async () => {
  const [{ text }] = of("js", ({ page }) => page === "README.md");
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  assert.ok(lines.length <= 20, `the example has ${lines.length} lines`);
});

test("what is TypeScript fits the package's types", async () => {
  const place = await project(join(made.scratch.folder, "types"), made.packed.tarball);
  for (const [index, { text, where }] of of("ts").entries()) {
    await writeFile(join(place, `block-${index}.ts`), `// ${where}\n${text}\nexport {};\n`);
  }
  const compilerOptions = { strict: true, noEmit: true, target: "es2022", module: "esnext", moduleResolution: "bundler", lib: ["es2022", "dom"], types: [] };
  await writeFile(join(place, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  assert.ok(of("ts").length > 0);
  await node(place, tool("typescript/bin/tsc"), "--project", ".");
});

test("what is from an example is in it", async () => {
  const quoted = blocks.filter(({ file }) => file?.startsWith("examples/"));
  assert.ok(quoted.length > 0);
  for (const { file, text, where } of quoted) {
    assert.ok((await readFile(join(root, file), "utf8")).includes(text.trimEnd()), `${where}: ${file} has another text`);
  }
});

describe("pages open in Chromium, under the policy of the guide", () => {
  /** The policy; where reports go to and who may frame the page are the test server's own. */
  const policy = () => {
    const [block, ...more] = of("http");
    assert.equal(more.length, 0);
    const [, value] = block.text.match(/^Content-Security-Policy: (.*)\n$/);
    return `${value}; ${CONTENT_SECURITY_POLICY.split("; ").at(-1)}`;
  };
  const projects = grouped(blocks.filter(({ file }) => /^(plain|vite)\//.test(file)), ({ page, file }) => `${page}: ${dirname(file)}`);
  for (const [name, files] of projects) {
    test(name, async () => {
      const kind = dirname(files[0].file);
      const folder = await project(join(made.scratch.folder, `page-${kind}`), made.packed.tarball);
      for (const { file, text } of files) await writeFile(join(folder, file.slice(kind.length + 1)), text);
      let served = folder;
      if (kind === "vite") {
        await node(folder, tool("vite/bin/vite.js"), "build", "--logLevel", "error");
        served = join(folder, "dist");
      } else {
        await cp(join(folder, "node_modules/regrant"), join(folder, "regrant"), { recursive: true });
      }
      const site = await serve(served, { headers: { "content-security-policy": policy() } });
      try {
        const said = await withPage(made.browser, site.address, async (page) => {
          await page.waitForFunction(() => document.querySelector("output")?.textContent, undefined, { timeout: 30_000 });
          return page.evaluate(() => document.querySelector("output").textContent);
        });
        assert.match(said, kind === "vite" ? /^alice writes: healthy$/ : /^kept in this browser$/);
        assert.deepEqual(site.violations, []);
      } finally {
        await site.close();
      }
    });
  }
  test("there are some", () => assert.equal(projects.length, 2));
});

test("commands exist", async () => {
  const wrong = [];
  for (const { text, where } of of("sh")) {
    for (const line of text.split("\n")) {
      const said = await complaint(line);
      if (said) wrong.push(`${where}: ${line.trim()}: ${said}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("what is JSON can be parsed", () => {
  for (const { text, where } of of("json")) assert.doesNotThrow(() => JSON.parse(text), where);
});

test("each error has its section, and each section its error", async () => {
  const types = await readFile(join(root, "pkg-template/index.d.ts"), "utf8");
  const [, union] = types.match(/export type ErrorCode =([^;]*);/);
  const codes = [...union.matchAll(/"(ERR_[A-Z_]+)"/g)].map(([, code]) => code);
  const table = [...types.matchAll(/^ \* \| `(ERR_[A-Z_]+)` \|/gm)].map(([, code]) => code);
  const page = await readFile(join(root, "docs/errors.md"), "utf8");
  const sections = page.split(/^## /m).slice(1);
  assert.ok(codes.length > 20);
  assert.deepEqual(table.toSorted(), codes.toSorted());
  assert.deepEqual(sections.map((section) => section.split("\n")[0]).toSorted(), codes.toSorted());
  for (const section of sections) assert.match(section, /^ERR_\w+\n\*\*Cause\.\*\* .+\n\*\*Fix\.\*\* .+\n/);
  // What a page says of a code must be about one that exists.
  for (const each of await pages()) {
    for (const [code] of (await readFile(join(root, each), "utf8")).matchAll(/\bERR_[A-Z_]+[A-Z]\b/g)) assert.ok(codes.includes(code), `${each}: ${code}`);
  }
});

test("links lead somewhere", async () => {
  const wrong = [];
  for (const page of await pages()) {
    // Goes into the package, whose folder it is written for.
    if (page === "pkg-template/README.md") continue;
    for (const { to, anchor, where } of await linksOf(page)) {
      if (!(await access(join(root, to)).then(() => true, () => false))) wrong.push(where);
      else if (anchor && !(await anchorsOf(to)).includes(anchor)) wrong.push(`${where} (no such heading)`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("the threat model names tests that exist", async () => {
  const page = await readFile(join(root, "docs/threat-model.md"), "utf8");
  const names = new Set([...page.matchAll(/`([a-z][a-z0-9]*(?:_[a-z0-9]+){2,})`/g)].map(([, name]) => name));
  const files = new Set([...page.matchAll(/`((?:tests|programs)\/[\w./-]+)`/g)].map(([, file]) => file.replace(/^programs/, "tests/package/programs")));
  const missing = [];
  for (const file of files) if (!(await access(join(root, file)).then(() => true, () => false))) missing.push(file);
  const sources = (await Promise.all((await rustFiles()).map((file) => readFile(file, "utf8")))).join("\n");
  for (const name of names) if (!new RegExp(`fn ${name}\\b`).test(sources)) missing.push(name);
  assert.ok(names.size > 20 && files.size > 10);
  assert.deepEqual(missing, []);
});
