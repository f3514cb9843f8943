// The storage of a relay in IndexedDB: the contract (suite.mjs), and what only a browser can get in the way of it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { inEach, launchAll } from "../tools/engines.mjs";
import { serve } from "../tools/serve.mjs";

const here = "/tests/storage/page.mjs";
const made = {};

before(async () => {
  made.site = await serve(fileURLToPath(new URL("../..", import.meta.url)));
  made.engines = await launchAll();
});

after(async () => {
  await made.engines?.close();
  await made.site?.close();
});

inEach("in IndexedDB", (engine) => {
  let context, address, page;
  const tab = async () => {
    const page = await context.newPage();
    // Any address of the origin does.
    await page.goto(new URL(here, address).href);
    return page;
  };
  before(async () => {
    address = await made.site.fresh();
    context = await made.engines.browsers[engine].newContext();
    page = await tab();
  });
  after(() => context?.close());

  test("the contract, and what only a browser gets in the way of", async (t) => {
    const { all, lasting, own } = await page.evaluate(async (here) => (await import(here)).names, here);
    for (const [n, name] of [...all, ...lasting, ...own].entries()) {
      await t.test(name, { timeout: 60_000 }, () => page.evaluate(async ([here, ...how]) => (await import(here)).run(...how), [here, name, `test-${n}`]));
    }
  });

  test("tabs that count at once lose nothing", { timeout: 60_000 }, async () => {
    const tabs = [page, await tab()];
    await Promise.all(tabs.map((tab) => tab.evaluate(async (here) => (await import(here)).count("counting", 200), here)));
    assert.equal(await page.evaluate(async (here) => (await import(here)).counted("counting"), here), "400");
  });

  // Only Chromium can be told how much room there is.
  if (engine !== "chromium") return;
  test("a profile that is full", async () => {
    const other = await made.site.fresh();
    const page = await context.newPage();
    await page.goto(new URL(here, other).href);
    const devtools = await context.newCDPSession(page);
    await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(other).origin, quotaSize: 8 << 20 });
    const outcome = await page.evaluate(async (here) => (await import(here)).fill("full"), here);
    assert.equal(outcome.code, "ERR_QUOTA");
    assert.ok(outcome.written > 0 && outcome.there === outcome.written, JSON.stringify(outcome));
  });
});
