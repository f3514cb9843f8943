// Once it was loaded the page opens and works without its server: the server is really ended.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { accessible } from "../tools/axe.mjs";
import { launch, withPage } from "../tools/browser.mjs";
import { DemoPage, PATIENCE_MS } from "../tools/demo-page.mjs";
import { serve } from "../tools/serve.mjs";

/** Where the package cannot be loaded the page says so, with its code. */
async function withoutThePackage(browser, address) {
  const context = await browser.newContext({ serviceWorkers: "block" });
  try {
    const page = await context.newPage();
    await page.route("**/*.wasm", (route) => route.abort());
    await page.goto(address);
    await page.getByRole("alert").filter({ hasText: "This browser cannot run the demo" }).filter({ hasText: "ERR_INIT_FAILED" }).waitFor();
    await accessible(page, "without the package");
  } finally {
    await context.close();
  }
}

const site = await serve(fileURLToPath(new URL("../../www/dist", import.meta.url)));
const browser = await launch();
try {
  await withoutThePackage(browser, site.address);
  await withPage(browser, site.address, async (page) => {
    page.setDefaultTimeout(PATIENCE_MS);
    const demo = new DemoPage(page);
    const story = page.getByRole("region", { name: "The story", exact: true });
    await story.waitFor();
    await page.evaluate(() => navigator.serviceWorker.ready);
    const kept = await page.evaluate(async () => {
      const [name] = await caches.keys();
      return (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname);
    });
    assert.ok(kept.includes("/") && kept.some((path) => path.endsWith(".wasm")), kept.join());
    await site.close();
    await assert.rejects(fetch(site.address), "the server is gone");

    await page.reload();
    await story.waitFor();
    // Everything is there: what is loaded at the beginning, and what is loaded when it is first needed.
    await story.getByRole("button", { name: "Encrypt it for Dr. Bob" }).click();
    await story.locator(".outcome").waitFor();
    await demo.goTo("Play freely");
    await page.getByRole("heading", { name: /^The graph, as/ }).scrollIntoViewIfNeeded();
    await page.getByRole("group", { name: /^Picture of the graph/ }).waitFor();
    await demo.alice.root.getByText("My verification code").click();
    await demo.alice.root.getByRole("img", { name: /^QR code/ }).waitFor();
    await demo.goTo("A relay that lies");
    await page.getByRole("button", { name: "Let it: Does not answer at all" }).click();
    await page.getByRole("article", { name: "Does not answer at all" }).getByText("gains nothing", { exact: true }).waitFor();
    await page.reload();
    await page.getByRole("article", { name: "Does not answer at all" }).waitFor();
    await demo.goTo("The story");
    await story.locator(".outcome").waitFor();
  });
  assert.deepEqual(site.violations, [], "nothing was forbidden by the content security policy");
} finally {
  await browser.close();
  await site.close();
}
console.log("the page works without its server");
