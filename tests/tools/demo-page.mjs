// The demo page as its tests speak of it: two panels, what is in them, and pictures of both.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { accessible } from "./axe.mjs";
import { launch, withPage } from "./browser.mjs";
import { pairs } from "./pairs.mjs";

/** Deriving a key from a password takes about a second, and more on a busy machine. */
export const PATIENCE_MS = 20_000;

const ALICE = "Alice (patient)";
const BOB = "Dr. Bob";

/** A state of the page: it has no violation of axe's rules; with REGRANT_SCREENSHOTS it leaves pictures in that folder. */
export async function picture(page, name) {
  await accessible(page, name);
  const folder = process.env.REGRANT_SCREENSHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  const size = page.viewportSize();
  await page.evaluate(() => scrollTo(0, 0));
  const take = (look) => page.screenshot({ path: join(folder, `${name}-${look}.png`), fullPage: true, animations: "disabled" });
  await take("light");
  await page.emulateMedia({ colorScheme: "dark" });
  await take("dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 380, height: 800 });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await take("narrow");
  await page.setViewportSize(size);
  assert.equal(wider, 0, `${name}: at 380 pixels the page scrolls sideways`);
}

/**
 * Plays each story on a demo page of its own, in one browser; `cargo xtask` names the page's address in REGRANT_URL. But for
 * the whole story the page gets RSA pairs that were made before.
 */
export async function onDemo(...stories) {
  const address = process.env.REGRANT_URL;
  if (!address) throw new Error("REGRANT_URL is not set: run this with `cargo xtask demo --check` or `cargo xtask test`");
  const browser = await launch();
  try {
    for (const story of stories) {
      const prepare = story.name === "theWholeStory" ? undefined : givePairs;
      const play = async (page) => {
        page.setDefaultTimeout(PATIENCE_MS);
        await story(new DemoPage(page)).catch(async (error) => {
          // What can be seen then is half of the cause.
          const seen = await page.locator("body").ariaSnapshot().catch(String);
          throw new Error(`${story.name || "the story"} broke off, and the page shows:\n${seen}\n`, { cause: error });
        });
      };
      await withPage(browser, `${address}#play`, play, prepare);
    }
  } finally {
    await browser.close();
  }
}

async function givePairs(context) {
  const pool = await pairs();
  // From here, so that a page that is loaded again does not begin at the first.
  await context.exposeFunction("nextPair", (length) => pool[length]?.shift());
  const source = await readFile(new URL("../package/runner/pairs.mjs", import.meta.url), "utf8");
  await context.addInitScript(`${source.replace("export ", "")}\nusePairs(globalThis.nextPair);`);
}

/** One person's panel. */
class Panel {
  constructor(page, name) {
    this.page = page;
    this.root = page.getByRole("region", { name, exact: true });
    this.status = this.root.getByRole("status", { name: /^What / });
    this.password = this.root.getByLabel("Password");
    this.request = this.root.getByRole("region", { name: /^Notification/ });
    this.receipt = this.root.getByRole("region", { name: "Receipt" });
    this.code = this.root.locator(".digits");
    this.alert = this.root.getByRole("alert").filter({ hasText: /./ });
  }

  button(name) {
    return this.root.getByRole("button", { name });
  }

  async press(name) {
    await this.button(name).click({ timeout: PATIENCE_MS });
  }

  /** Waits until the panel says so of itself: "connected", "locked", "not connected". */
  async is(state) {
    await this.root.and(this.page.locator(`[data-state="${state}"]`)).waitFor({ timeout: PATIENCE_MS });
    await this.idle();
  }

  /** Waits until nothing is going on. */
  async idle() {
    await this.root.locator('.status[data-busy="false"]').waitFor({ state: "attached", timeout: PATIENCE_MS });
  }

  /** A file by its name, or "Encrypted file" for one that cannot be read. */
  file(name) {
    return this.root.getByRole("article", { name, exact: true });
  }

  contents(name) {
    return this.root.getByRole("region", { name: `Contents of ${name}` });
  }

  async text(name) {
    return this.contents(name).locator("pre").textContent({ timeout: PATIENCE_MS });
  }

  async connect(password) {
    if (password !== undefined) await this.password.fill(password);
    await this.press("Connect");
  }

  /** Loses the keys and the password, and begins anew with another. */
  async loseEverything(password) {
    await this.press("Lose the keys");
    await this.is("not connected");
    await this.connect(password);
    await this.fails("ERR_WRONG_SECRET");
    await this.press("My keys are lost: begin anew");
    await this.is("connected");
  }

  /** Compares the code that the other shows, and gives access back. */
  async giveBack() {
    const before = await this.receipt.count();
    await this.request.getByRole("button", { name: /^Fill in from/ }).click();
    await this.request.getByRole("button", { name: "Compare, and give access back" }).click();
    await this.receipt.nth(before).waitFor();
    await this.request.waitFor({ state: "detached" });
  }

  /** Waits for a failure with this code. */
  async fails(code) {
    await this.alert.filter({ hasText: code }).waitFor({ timeout: PATIENCE_MS });
  }
}

/** The page, loaded. */
export class DemoPage {
  constructor(page) {
    this.page = page;
    this.alice = new Panel(page, ALICE);
    this.bob = new Panel(page, BOB);
    this.relay = page.getByRole("region", { name: "What the relay keeps", exact: true });
    this.timeline = page.getByRole("region", { name: "What was sent to the relay" });
    this.next = page.getByRole("status", { name: "Next step" });
  }

  /** Goes to a part of the page by its link. */
  async goTo(part) {
    await this.page.getByRole("navigation").getByRole("link", { name: part, exact: true }).click();
  }

  /** The panel of somebody else. */
  panel(name) {
    return new Panel(this.page, name);
  }

  /** Both connect, and Alice shares the sample with Dr. Bob. */
  async share() {
    for (const person of [this.alice, this.bob]) {
      await person.connect();
      await person.is("connected");
    }
    await this.alice.press("Use a sample file");
    await this.alice.press("Share with Dr. Bob");
    await this.bob.file("blood-pressure.txt").waitFor();
  }

  /** Waits until the hint says so. */
  async hints(pattern) {
    await this.next.filter({ hasText: pattern }).waitFor({ timeout: PATIENCE_MS });
  }

  /** Drops a file onto a person's drop zone, as a drag from a folder does. */
  async drop(login, { name, type, content }) {
    const data = await this.page.evaluateHandle(
      ([name, type, content]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([content], name, { type }));
        return transfer;
      },
      [name, type, content],
    );
    const zone = this.page.getByTestId(`drop-${login}`);
    await zone.dispatchEvent("dragover", { dataTransfer: data });
    await zone.dispatchEvent("drop", { dataTransfer: data });
  }
}
