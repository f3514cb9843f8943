// What would be published: which files, what they say of what is built in, and how the package presents itself.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pack, run, scratch } from "../tools/project.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pkg = (file) => readFile(join(root, "pkg", file), "utf8");
const made = {};

before(async () => {
  made.scratch = await scratch();
  made.packed = await pack(made.scratch.folder);
  // What cargo says is compiled into the library, asked in another way than the list was made: macros are not in it.
  const tree = ["tree", "--package", "regrant", "--target", "wasm32-unknown-unknown", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}|{l}"];
  const lines = (await run(root, "cargo", ...tree)).split("\n").filter((line) => line !== "" && !line.startsWith("regrant "));
  made.crates = new Map(lines.map((line) => line.match(/^(\S+) v(\S+)[^|]*\|(.*?)(?: \(\*\))?$/).slice(1)).map(([name, version, license]) => [`${name} ${version}`, license]));
});
after(() => made.scratch?.remove());

test("the files are those of contents.txt", async () => {
  const listed = (await readFile(new URL("contents.txt", import.meta.url), "utf8")).trim().split("\n");
  assert.deepEqual(made.packed.files.toSorted(), listed, "change tests/package/contents.txt if this is meant");
});

test("the list of components has exactly what cargo builds in", async () => {
  const bom = JSON.parse(await pkg("sbom.cdx.json"));
  assert.equal(bom.bomFormat, "CycloneDX");
  assert.equal(bom.specVersion, "1.6");
  assert.equal(bom.metadata.component.version, made.packed.version);
  assert.ok(made.crates.size > 40, `only ${made.crates.size} crates`);
  assert.deepEqual(bom.components.map(({ name, version }) => `${name} ${version}`).sort(), [...made.crates.keys()].sort());
  for (const { name, version, purl, licenses } of bom.components) {
    assert.equal(purl, `pkg:cargo/${name}@${version}`);
    assert.equal(licenses[0].expression.replaceAll("/", " OR "), made.crates.get(`${name} ${version}`).replaceAll("/", " OR "));
  }
  const refs = new Set([bom.metadata.component["bom-ref"], ...bom.components.map((component) => component["bom-ref"])]);
  assert.equal(refs.size, bom.components.length + 1);
  for (const { ref, dependsOn } of bom.dependencies) for (const each of [ref, ...dependsOn]) assert.ok(refs.has(each), each);
});

test("the notices name all of it, with the text of its licence", async () => {
  const notices = await pkg("THIRD-PARTY-NOTICES.txt");
  for (const [crate, license] of made.crates) assert.ok(notices.includes(`\n${crate}: ${license}`), crate);
  // Those whose authors ship no text are named: a crate that is new there wants a look.
  const [, without] = notices.match(/^Without a licence file .*: (.*)\.$/m) ?? [undefined, ""];
  const names = without.split(", ").filter((each) => each !== "").map((each) => each.split(" ")[0]);
  assert.deepEqual(names, WITHOUT_TEXT);
});
const WITHOUT_TEXT = ["gloo-storage", "gloo-utils"];

test("nothing in it names a machine's folders", async () => {
  const home = process.env.HOME ?? "/home/somebody";
  for (const file of made.packed.files) {
    const bytes = await readFile(join(root, "pkg", file));
    for (const path of [root, `${home}/`]) assert.ok(!bytes.includes(path), `${file} names ${path}`);
  }
});

test("the package says what it is", async () => {
  const { name, description, keywords, license, repository, homepage, bugs, engines, exports } = JSON.parse(await pkg("package.json"));
  assert.deepEqual({ name, license, node: engines.node }, { name: "regrant", license: "MIT OR Apache-2.0", node: ">=20" });
  assert.ok(description && homepage && bugs.url && repository.url && keywords.length >= 8);
  const targets = Object.values(exports).flatMap((target) => (typeof target === "string" ? [target] : Object.values(target)));
  for (const target of targets) assert.ok(made.packed.files.includes(target.slice(2)), target);
  const [, picture] = (await pkg("README.md")).match(/!\[[^\]]+\]\(([^)]+)\)/);
  assert.ok(made.packed.files.includes(picture), picture);
  assert.match(await pkg(picture), /^<svg [\s\S]*<title/);
});
