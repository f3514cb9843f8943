// The demo's story without a mouse: Tab and Enter only, and the focus never falls off the page.
import assert from "node:assert/strict";
import { onDemo } from "../tools/demo-page.mjs";

/** More stops than the page ever has. */
const STOPS = 150;

/** What has the focus: in whose panel, and what it is called. */
function focused(page) {
  return page.evaluate(() => {
    const at = document.activeElement;
    if (!at || at === document.body) return null;
    const name = at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent;
    const { outlineStyle, outlineWidth } = getComputedStyle(at);
    const covered = at.getBoundingClientRect();
    const top = document.elementFromPoint(covered.x + covered.width / 2, covered.y + Math.min(covered.height, 20) / 2);
    return {
      panel: at.closest(".panel")?.querySelector("h2")?.textContent ?? "",
      name: name.trim(),
      visible: at.matches(":focus-visible") && outlineStyle !== "none" && outlineWidth !== "0px",
      seen: at.contains(top) || top?.contains(at) || false,
    };
  });
}

/** Presses Tab until it gets to what is called so, in a panel. */
async function tabTo(page, panel, name) {
  const passed = [];
  for (let stop = 0; stop < STOPS; stop++) {
    await page.keyboard.press("Tab");
    const at = await focused(page);
    if (at) {
      assert.ok(at.visible, `the focus on “${at.name}” cannot be seen`);
      assert.ok(at.seen, `“${at.name}” has the focus and is covered`);
      passed.push(`${at.panel}: ${at.name.slice(0, 40)}`);
      if (at.panel.includes(panel) && name.test(at.name)) return;
    }
  }
  throw new Error(`Tab does not get to ${name} in ${panel}; it passed\n${passed.join("\n")}`);
}

await onDemo(async function byKeyboard(demo) {
  const { page, alice, bob } = demo;
  /** Goes there and presses Enter; once it is done, the focus is still in that panel. */
  const enter = async (panel, name, done) => {
    await tabTo(page, panel, name);
    // What is shown before the work that made it has ended does not take presses yet, and says so.
    await page.waitForFunction(() => document.activeElement?.getAttribute("aria-disabled") !== "true");
    await page.keyboard.press("Enter");
    await done();
    await page.waitForFunction(() => document.activeElement !== document.body);
    assert.match((await focused(page)).panel, new RegExp(panel), `after ${name} the focus is elsewhere`);
  };

  await demo.hints("Alice: press “Connect”");
  await enter("Alice", /^Connect$/, () => alice.is("connected"));
  await enter("Bob", /^Connect$/, () => bob.is("connected"));
  await tabTo(page, "Alice", /^Drop files here/);
  await enter("Alice", /^Use a sample file$/, () => alice.file("blood-pressure.txt").waitFor());
  await enter("Alice", /^Share with Dr. Bob/, () => bob.file("blood-pressure.txt").waitFor());
  await enter("Bob", /^Open blood-pressure/, () => bob.contents("blood-pressure.txt").waitFor());
  const written = await bob.text("blood-pressure.txt");

  await enter("Alice", /^Lose the keys$/, () => alice.is("not connected"));
  await enter("Alice", /^Connect$/, () => alice.fails("ERR_WRONG_SECRET"));
  await enter("Alice", /begin anew$/, () => alice.is("connected"));
  await bob.request.waitFor();

  await tabTo(page, "Bob", /^Code that Alice reads out$/);
  await page.keyboard.type(await alice.code.textContent());
  await page.keyboard.press("Enter");
  await bob.receipt.waitFor();
  await page.waitForFunction(() => document.activeElement !== document.body);
  assert.match((await focused(page)).panel, /Bob/);
  await enter("Alice", /^Open blood-pressure/, () => alice.contents("blood-pressure.txt").waitFor());
  assert.equal(await alice.text("blood-pressure.txt"), written);

  await enter("Alice", /^Take access from/, () => alice.button("Take access away").waitFor());
  await enter("Alice", /^Take access away$/, () => bob.file("Encrypted file").waitFor());
  await enter("Alice", /^Lock$/, () => alice.is("locked"));
  await enter("Alice", /^Disconnect$/, () => alice.is("not connected"));
});
/** The guided story: one way in, and then Enter alone. */
async function theStoryByKeyboard(demo) {
  const { page } = demo;
  const press = async (key) => {
    await page.waitForFunction(() => document.activeElement?.getAttribute("aria-disabled") !== "true");
    await page.keyboard.press(key);
  };
  await tabTo(page, "", /^The story$/);
  await press("Enter");
  const story = page.getByRole("region", { name: "The story", exact: true });
  await story.waitFor();
  assert.equal((await focused(page)).name, "A note for the doctor", "whoever goes to a part is taken to its heading");
  await tabTo(page, "", /^Alice's note$/);
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Written by hand.");
  await tabTo(page, "", /^Encrypt it for Dr. Bob$/);
  const steps = await story.getByRole("list", { name: "Steps of the story" }).getByRole("listitem").count();
  for (let step = 1; step <= steps; step++) {
    await story.getByText(`Step ${step} of ${steps}`).waitFor();
    const before = (await focused(page)).name;
    await press("Enter");
    await story.locator(".outcome:not(.refused)").waitFor();
    const at = await focused(page);
    assert.ok(at?.visible && at.seen, `after “${before}” the focus is lost`);
    assert.match(at.name, /^(Next: |To the end)/);
    await press("Enter");
  }
  await story.getByText("The end", { exact: true }).waitFor();
  // The button is gone: the heading has the focus, and the links come next.
  await page.waitForFunction(() => document.activeElement?.textContent === "The key was lost, the data was not");
  await tabTo(page, "", /^Read what the relay was sent$/);
}

await onDemo(theStoryByKeyboard);
console.log("the keyboard is enough");
