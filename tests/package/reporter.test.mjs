// What is said of tests that fail: their whole names, and why, after everything else.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scratch } from "../tools/project.mjs";

const reporter = fileURLToPath(new URL("../tools/reporter.mjs", import.meta.url));
/** Such a process would think of itself as a part of this one. */
const { NODE_TEST_CONTEXT: _, ...env } = process.env;

test("a failure is told with its whole name, and once more at the end", async () => {
  const { folder, remove } = await scratch();
  try {
    const file = join(folder, "some.test.mjs");
    await writeFile(
      file,
      `import { describe, test } from "node:test";
       describe("a suite", () => {
         test("holds", () => {});
         test("does not hold", () => { throw new Error("for this reason"); });
         test("holds again", () => console.log("said"));
       });`,
    );
    const { status, stdout } = spawnSync(process.execPath, ["--test", `--test-reporter=${reporter}`, file], { encoding: "utf8", env });
    assert.equal(status, 1);
    const [before, after] = stdout.split("\nfailing tests:\n");
    assert.match(before, /^✔ some\.test\.mjs › a suite › holds \(\d+ ms\)$/m);
    assert.match(before, /^✖ some\.test\.mjs › a suite › does not hold \(\d+ ms\)$/m);
    assert.match(before, /^pass 2\nfail 1$/m);
    assert.match(after, /^\n✖ some\.test\.mjs › a suite › does not hold\nError: for this reason/);
    assert.equal(after.match(/✖/g).length, 1, "and nothing else");
  } finally {
    await remove();
  }
});
