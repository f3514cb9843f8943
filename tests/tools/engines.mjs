// The browser engines in which the tests run, and how each is started here. `cargo xtask test` names them in
// REGRANT_BROWSERS, and what starts them in CHROME, FIREFOX, GECKODRIVER and WEBKITDRIVER.
import { spawn } from "node:child_process";
import { describe } from "node:test";
import { launch } from "./browser.mjs";
import { drive } from "./webdriver-browser.mjs";

const NAMES = { chromium: "Chromium", firefox: "Firefox", webkit: "WebKitGTK" };

/** Those that were asked for: Chromium if nobody asked. */
export const engines = (process.env.REGRANT_BROWSERS ?? "chromium").split(",");
for (const engine of engines) if (!NAMES[engine]) throw new Error(`REGRANT_BROWSERS names ${engine}, which is none of ${Object.keys(NAMES)}`);

/** Describes the same in each engine. */
export function inEach(what, tests) {
  for (const engine of engines) describe(`in ${NAMES[engine]}, ${what}`, () => tests(engine));
}

/**
 * Describes the same in each engine, in two of them at once: one that WebDriver drives has one page at a time, and keeps
 * one core busy.
 */
export function atOnce(tests) {
  // Chromium last: it has two pages at a time.
  const order = [...engines].sort((a, b) => (a === "chromium") - (b === "chromium"));
  describe("in the engines", { concurrency: 2 }, () => {
    for (const engine of order) describe(`in ${NAMES[engine]}`, { concurrency: 1 }, () => tests(engine));
  });
}

/** Starts all engines; `browsers[engine]` is Playwright's browser or what looks like it, `close()` ends all. */
export async function launchAll() {
  const browsers = {};
  const close = async () => {
    for (const browser of Object.values(browsers)) await browser.close();
  };
  try {
    for (const engine of engines) browsers[engine] = await starts[engine]();
  } catch (error) {
    await close();
    throw error;
  }
  return { browsers, close };
}

const starts = { chromium: () => launch(), firefox, webkit };

function firefox() {
  const prefs = {
    // The test answers for the user.
    "dom.storageManager.prompt.testing": true,
    "dom.storageManager.prompt.testing.allow": true,
    // Tabs that nobody looks at are not slowed down: the tests look at none.
    "dom.min_background_timeout_value": 4,
    "dom.timeout.enable_budget_timer_throttling": false,
    // No talk with the outside.
    "network.captive-portal-service.enabled": false,
    "network.connectivity-service.enabled": false,
    "app.update.disabledForTesting": true,
  };
  const binary = process.env.FIREFOX ?? "firefox-esr";
  return drive({
    program: process.env.GECKODRIVER ?? "geckodriver",
    args: (port) => ["--host", "127.0.0.1", "--port", String(port)],
    capabilities: { "moz:firefoxOptions": { binary, args: ["-headless"], prefs } },
  });
}

/** WebKitGTK has no headless mode: a display comes with it. */
async function webkit() {
  const display = await virtualDisplay();
  try {
    const browser = await drive({
      program: process.env.WEBKITDRIVER ?? "WebKitWebDriver",
      args: (port) => [`--port=${port}`],
      env: { DISPLAY: display.name, ...webkitEnvironment() },
      capabilities: {},
    });
    const { close } = browser;
    browser.close = async () => {
      await close.call(browser);
      display.close();
    };
    return browser;
  } catch (error) {
    display.close();
    throw error;
  }
}

/** Drawn in software; the sandbox cannot work for root. */
const webkitEnvironment = () => ({
  LIBGL_ALWAYS_SOFTWARE: "1",
  WEBKIT_DISABLE_COMPOSITING_MODE: "1",
  ...(process.getuid?.() === 0 ? { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" } : {}),
});

/** A display that nobody sees, with a number that is free; it ends with this process. */
async function virtualDisplay() {
  // It chooses a number, and writes it when it is ready.
  const server = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const close = () => void server.kill();
  process.once("exit", close);
  const number = await new Promise((done, failed) => {
    server.once("error", failed).once("exit", () => failed(new Error("Xvfb ended")));
    server.stdio[3].once("data", (data) => done(String(data).trim()));
  });
  return { name: `:${number}`, close };
}
