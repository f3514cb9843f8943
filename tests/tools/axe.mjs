// axe-core over a page in the state that it is in: any violation of its rules fails the test, in light and in dark.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** @param {string} state what the page shows, for the message */
export async function accessible(page, state) {
  const scheme = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  await run(page, state, {});
  await page.emulateMedia({ colorScheme: scheme ? "light" : "dark" });
  // Only colours differ.
  await run(page, `${state}, in the other colours`, { runOnly: ["color-contrast"] });
  await page.emulateMedia({ colorScheme: scheme ? "dark" : "light" });
}

async function run(page, state, options) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(source);
  const { violations, passes } = await page.evaluate(async (options) => {
    const { violations, passes } = await globalThis.axe.run(document, { ...options, resultTypes: ["violations"] });
    const lines = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html, failureSummary }) => `${html}\n  ${failureSummary}`).join("\n  ")}`);
    return { violations: lines, passes: passes.length };
  }, options);
  assert.ok(passes > 0, `${state}: axe checked nothing`);
  assert.deepEqual(violations, [], `${state}: axe found violations`);
}
