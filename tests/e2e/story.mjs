// The story that the demo page tells, clicked through in a real browser. `cargo xtask demo --check` runs it against
// the built page, whose address is in REGRANT_URL.
import assert from "node:assert/strict";
import { launch, withPage } from "../tools/browser.mjs";

const address = process.env.REGRANT_URL;
if (!address) throw new Error("REGRANT_URL is not set: run this with `cargo xtask demo --check`");

const browser = await launch();
try {
  await withPage(browser, address, async (page) => {
    const output = page.locator("#version");
    await page.waitForFunction(() => document.querySelector("#version")?.value !== "loading");
    assert.match(await output.textContent(), /^\d+\.\d+\.\d+/);
  });
} finally {
  await browser.close();
}
console.log("the story holds");
