// Runs the README's example against the packed package, in an empty project, as somebody does who copies it.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { node, pack, project, scratch } from "../tools/project.mjs";

const readme = fileURLToPath(new URL("../../README.md", import.meta.url));

test("the README's example runs as it stands, and prints what it says", async () => {
  const [, example] = (await readFile(readme, "utf8")).match(/```js\n([\s\S]*?)```/);
  const lines = example.split("\n").filter((line) => line.trim() !== "");
  assert.ok(lines.length <= 20, `the example has ${lines.length} lines`);
  const said = [...example.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
  assert.equal(said.length, 2);
  const { folder, remove } = await scratch();
  try {
    const { tarball } = await pack(folder);
    const place = await project(join(folder, "reader"), tarball);
    await writeFile(join(place, "example.mjs"), example);
    assert.equal(await node(place, "example.mjs"), said.map((line) => `${line}\n`).join(""));
  } finally {
    await remove();
  }
});
