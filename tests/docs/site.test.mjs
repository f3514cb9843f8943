// The site of the documentation, read from the disk. See README.md.
import assert from "node:assert/strict";
import { access, readFile, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { launch } from "../tools/browser.mjs";
import { node, scratch } from "../tools/project.mjs";

const site = fileURLToPath(new URL("../../xtask/site", import.meta.url));

test("the site is built without a warning, and can be read from the disk", async () => {
  const { folder, remove } = await scratch();
  const browser = await launch();
  try {
    // Warnings end it with an error: links that lead nowhere, types that are not exported, languages without colours.
    await node(site, join(site, "node_modules/typedoc/bin/typedoc"), "--options", "typedoc.json", "--out", folder);

    const missing = [];
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".html"));
    assert.ok(files.length > 60, `only ${files.length} pages`);
    for (const file of files) {
      const html = await readFile(join(folder, file), "utf8");
      for (const [, target] of html.matchAll(/ (?:href|src)="([^"#]+)(?:#[^"]*)?"/g)) {
        if (/^(https?:|data:|mailto:)/.test(target)) continue;
        assert.doesNotMatch(target, /^\//, `${file} does not link relatively`);
        const to = join(folder, dirname(file), decodeURIComponent(target));
        if (!(await access(to).then(() => true, () => false))) missing.push(`${file}: ${target}`);
      }
      assert.doesNotMatch(html, /<(?:script|img|link)[^>]+(?:src|href)="(?:https?:)?\/\//, `${file} loads from elsewhere`);
    }
    assert.deepEqual(missing, []);

    const page = await browser.newPage();
    await page.goto(pathToFileURL(join(folder, "index.html")).href);
    await page.getByRole("link", { name: "Losing a key" }).first().click();
    await page.getByRole("heading", { name: "What comes back, and what does not" }).waitFor();
    await page.goto(pathToFileURL(join(folder, "index.html")).href);
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("combobox").fill("giveAccessBackTo");
    await page.getByRole("option").filter({ hasText: "giveAccessBackTo" }).first().click();
    await page.getByText("Gives somebody who lost their keys access back").first().waitFor();
  } finally {
    await browser.close();
    await remove();
  }
});
