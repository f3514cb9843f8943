// Says what is built into the WebAssembly, and under which licences: node tests/tools/third-party.mjs PKG ROOT
//
// Asks cargo about the workspace in ROOT, and writes THIRD-PARTY-NOTICES.txt and sbom.cdx.json (CycloneDX 1.6) into the
// folder PKG: the same for the same sources, so without times and random numbers.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { argv } from "node:process";

const [pkg, cwd] = argv.slice(2);
const TARGET = "wasm32-unknown-unknown";
const cargo = (...args) => execFileSync("cargo", args, { cwd, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });

const { packages, resolve } = JSON.parse(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET));
// The metadata counts in what only tests want. The tree does not, and leaves out macros, which run when it is compiled.
const tree = cargo("tree", "--locked", "--package", "regrant", "--target", TARGET, "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}");
const within = new Set(tree.split("\n").map((line) => line.split(" ").slice(0, 2).join(" ")));
const isWithin = ({ name, version }) => within.has(`${name} v${version}`);

const { version } = JSON.parse(readFileSync(join(pkg, "package.json"), "utf8"));
const package_ = new Map(packages.map((each) => [each.id, each]));
const node = new Map(resolve.nodes.map((each) => [each.id, each]));
const root = packages.find(({ name, source }) => name === "regrant" && source === null);
const needs = (id) =>
  node
    .get(id)
    .deps.filter(({ pkg, dep_kinds }) => dep_kinds.some(({ kind }) => kind === null) && isWithin(package_.get(pkg)))
    .map(({ pkg }) => pkg);

const byName = (a, b) => (a.name === b.name ? (a.version < b.version ? -1 : 1) : a.name < b.name ? -1 : 1);
const parts = packages.filter((each) => each !== root && isWithin(each)).sort(byName);
const purl = ({ name, version }) => `pkg:cargo/${name}@${version}`;

/** The licence files of a crate, as its authors ship them. */
function texts({ manifest_path }) {
  const folder = dirname(manifest_path);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice|unlicense)/i.test(file)).sort();
  return files.map((file) => readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim());
}

const shared = new Map();
const without = [];
for (const part of parts) {
  const found = texts(part);
  if (found.length === 0) without.push(part);
  for (const text of found) shared.set(text, [...(shared.get(text) ?? []), part]);
}
const rule = "=".repeat(100);
const named = (some) => some.map(({ name, version }) => `${name} ${version}`).join(", ");
const notices = [
  `regrant ${version}: notices for what is built into its WebAssembly`,
  "",
  "regrant itself is MIT OR Apache-2.0: see LICENSE-MIT and LICENSE-APACHE. Made from cargo's metadata when the package was built.",
  "",
  ...parts.map(({ name, version, license }) => `${name} ${version}: ${license}`),
  "The Rust standard library: MIT OR Apache-2.0, copyright The Rust Project Contributors",
  "",
  ...(without.length > 0 ? [`Without a licence file in their package, and under the expression above: ${named(without)}.`, ""] : []),
  ...[...shared].flatMap(([text, users]) => [rule, named(users), rule, "", text, ""]),
].join("\n");
writeFileSync(join(pkg, "THIRD-PARTY-NOTICES.txt"), notices);

const component = (part) => ({
  type: "library",
  "bom-ref": purl(part),
  name: part.name,
  version: part.version,
  ...(part.description && { description: part.description.replace(/\s+/g, " ").trim() }),
  licenses: [{ expression: part.license.replaceAll("/", " OR ") }],
  purl: purl(part),
  ...(part.repository && { externalReferences: [{ type: "vcs", url: part.repository }] }),
});
const file = (name) => {
  const content = createHash("sha256").update(readFileSync(join(pkg, name))).digest("hex");
  return { type: "file", "bom-ref": name, name, hashes: [{ alg: "SHA-256", content }] };
};
const main = {
  ...component(root),
  version,
  "bom-ref": `pkg:npm/regrant@${version}`,
  purl: `pkg:npm/regrant@${version}`,
  components: ["wasm/regrant_bg.wasm", "wasm/relay_bg.wasm"].map(file),
};
const refs = (id) => needs(id).map((other) => purl(package_.get(other))).sort();
const bom = {
  bomFormat: "CycloneDX",
  specVersion: "1.6",
  version: 1,
  metadata: { component: main },
  components: parts.map(component),
  dependencies: [
    { ref: main["bom-ref"], dependsOn: refs(root.id) },
    ...parts.map((part) => ({ ref: purl(part), dependsOn: refs(part.id) })),
  ],
};
writeFileSync(join(pkg, "sbom.cdx.json"), `${JSON.stringify(bom, null, 1)}\n`);
