// The storages of a relay that run in Node, each held to the same contract (suite.mjs).
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { openDirectory } from "../../pkg-template/relay/directory.js";
import { memoryStorage } from "../../pkg-template/relay/memory.js";
import { Faults } from "../../pkg-template/testing/faults.js";
import { Kept } from "../../pkg-template/testing/records.js";
import { TestStorage } from "../../pkg-template/testing/storage.js";
import { blocksOf } from "../docs/blocks.mjs";
import { names, run } from "./suite.mjs";

/** The storage that docs/guides/relay.md shows. */
const [shown] = (await blocksOf("docs/guides/relay.md")).filter(({ text }) => text.includes("function keep()"));
const keep = new Function(`${shown.text.slice(0, shown.text.indexOf("\nconst storage"))}\nreturn keep;`)();

for (const [kind, open] of Object.entries({
  "memory": () => memoryStorage(),
  "a test relay": () => new TestStorage(new Kept(), new Faults()),
  "the guide": keep,
})) {
  describe(`in ${kind}`, () => {
    for (const name of names.all) test(name, () => run(name, open()));
  });
}

describe("in a folder", () => {
  const scratch = mkdtempSync(join(tmpdir(), "regrant-storage-"));
  after(() => rmSync(scratch, { recursive: true, force: true }));
  let number = 0;
  for (const name of [...names.all, ...names.lasting]) {
    test(name, async () => {
      const folder = join(scratch, String(++number));
      const open = async () => (await openDirectory(folder)).storage;
      await run(name, await open(), open);
    });
  }
});
