// What localStorage needs beside a Web Lock, by itself: tabs of one browser count together, as fast as they can. With
// locks alone they lose a good part, because a tab does not see at once what another wrote.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "../tools/browser.mjs";
import { serve } from "../tools/serve.mjs";

const store = fileURLToPath(new URL("../../pkg/store", import.meta.url));
const [TABS, TIMES] = [4, 250];

test("tabs that count in localStorage lose nothing", async () => {
  const site = await serve(store);
  const browser = await launch();
  try {
    const context = await browser.newContext();
    const count = async () => {
      const page = await context.newPage();
      // Any page of the origin does.
      await page.goto(`${site.address}lock.js`);
      return page;
    };
    const pages = await Promise.all(Array.from({ length: TABS }, count));
    const counting = pages.map((page) =>
      page.evaluate(async (times) => {
        const { Turns, locker } = await import("/lock.js");
        const hold = locker("counting", Turns.of("counting", "turn"));
        for (let i = 0; i < times; i++) {
          const release = await hold();
          localStorage.setItem("count", String(Number(localStorage.getItem("count")) + 1));
          release();
        }
      }, TIMES),
    );
    await Promise.all(counting);
    // A page that was not there sees what arrived at the browser.
    const fresh = await count();
    assert.equal(Number(await fresh.evaluate(() => localStorage.getItem("count"))), TABS * TIMES);

    // A tab that never lets go does not stop the others for ever, nor does a number that never arrives.
    await fresh.evaluate(async () => {
      const keep = (name) => new Promise((held) => void navigator.locks.request(name, () => (held(), new Promise(() => {}))));
      await keep("stuck");
      await keep("cleared@1000000");
    });
    const waited = await pages[0].evaluate(async () => {
      const { Turns, locker } = await import("/lock.js");
      const begun = Date.now();
      (await locker("cleared", Turns.of("cleared", "other turn"))())();
      (await locker("stuck")())();
      return Date.now() - begun;
    });
    assert.ok(waited > 10_000 && waited < 20_000, `${waited} ms`);
  } finally {
    await browser.close();
    await site.close();
  }
});
