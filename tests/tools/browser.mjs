// The one place that knows how Chromium is started here: which file, with which flags.
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const PATHS = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The browser's file: what CHROME names (cargo xtask sets it), else the first that is found. */
export function executable() {
  if (process.env.CHROME) return process.env.CHROME;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = [...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))), ...PATHS].find(existsSync);
  if (!found) throw new Error("no Chromium found: run `cargo xtask setup`, or set CHROME to its file");
  return found;
}

/** Flags beside those in webdriver.json: no talk with the outside, and no sandbox for root, for whom it cannot work. */
export function flags() {
  const tracked = JSON.parse(readFileSync(new URL("../../webdriver.json", import.meta.url), "utf8"));
  return [
    ...tracked["goog:chromeOptions"].args,
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  ];
}

/** A headless browser of Playwright's. Close it when done. */
export function launch(options = {}) {
  return chromium.launch({ executablePath: executable(), args: flags(), ...options });
}

/** The same with a profile in a folder: files and databases are on the disk, as in an ordinary window. */
export function launchOnDisk(folder) {
  return chromium.launchPersistentContext(folder, { executablePath: executable(), args: flags() });
}

/**
 * Opens an address in a fresh page, whose context `prepare` is given first, and hands the page to `use`. Errors that the page did not catch, and messages of
 * its console's error level, fail it, where the driver tells of them (Playwright does), but for those about addresses that are expected to be.
 */
export async function withPage(browser, address, use, prepare = async () => {}, isExpected = () => false) {
  const context = await browser.newContext();
  try {
    await prepare(context);
    const page = await context.newPage();
    const errors = [];
    page.on?.("pageerror", (error) => errors.push(`uncaught: ${error.stack ?? error}`));
    page.on?.("console", (message) => {
      // Browsers ask for an icon by themselves; a page without one is no error.
      if (message.location().url.endsWith("/favicon.ico") || isExpected(message.location().url)) return;
      if (message.type() === "error") errors.push(`console: ${message.text()} (${message.location().url})`);
    });
    await page.goto(address);
    const result = await use(page);
    if (errors.length > 0) throw new Error(`the page reported errors:\n${errors.join("\n")}\nresult: ${result}`);
    return result;
  } finally {
    await context.close();
  }
}
