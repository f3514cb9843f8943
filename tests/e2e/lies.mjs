// The relay that lies on command: each lie is told, and the page shows what the client really answered.
import assert from "node:assert/strict";
import { onDemo, picture } from "../tools/demo-page.mjs";

/** What each lie comes to: the verdict, and the codes and values that are shown, in order. */
const EXPECTED = {
  "Puts its own keys in place of Bob's": ["caught", "changed", "ERR_IDENTITY_CHANGED", "ERR_IDENTITY_CHANGED", "changed"],
  "Does so before Alice ever saw Bob's keys": ["caught", "unverified", /^(\d{5} ){5}\d{5}$/, /^(\d{5} ){5}\d{5}$/, "ERR_VERIFICATION_FAILED"],
  "Shows keys that Bob has replaced": ["caught", "changed", "ERR_IDENTITY_CHANGED"],
  "Shows a rival version of Bob's keys": ["caught", "forked", "ERR_IDENTITY_CHANGED", "ERR_IDENTITY_CHANGED"],
  "Hides from Bob's new phone what his laptop knows": ["caught", "verified", "unverified", /pins-withheld/],
  "Changes one field of Bob's keys": ["caught", "ERR_VERIFICATION_FAILED"],
  "Asks for access back itself": ["caught", "ERR_VERIFICATION_FAILED", "ERR_VERIFICATION_FAILED"],
  "Says that Bob does not exist": ["gains nothing", "ERR_IDENTITY_NOT_FOUND", "0"],
  "Says that Alice herself does not exist": ["caught", "ERR_IDENTITY_NOT_FOUND", "ERR_IDENTITY_NOT_FOUND", "mine"],
  "Flips one bit of a file": ["caught", "ERR_CORRUPT", "300000"],
  "Gives one piece of a file in place of another": ["caught", "ERR_CORRUPT", "300000"],
  "Gives another file of Alice's": ["caught", "ERR_CORRUPT", "300000"],
  "Loses a piece of a file": ["caught", "ERR_RELAY_UNAVAILABLE", "300000"],
  "Forges the news that Alice has new keys": ["caught", "1", "0", "0", "0"],
  "Keeps news back": ["gains nothing", "first", "ERR_NO_ACCESS", "second"],
  "Does not answer at all": ["gains nothing", "ERR_RELAY_UNAVAILABLE", "before"],
};

const fits = (shown, expected) => (expected instanceof RegExp ? expected.test(shown) : shown === expected || shown.startsWith(`${expected} `));

await onDemo(async function everyLie(demo) {
  const { page } = demo;
  await demo.goTo("A relay that lies");
  const root = page.getByRole("region", { name: "A relay that lies" });
  const card = (title) => root.getByRole("article", { name: title, exact: true });
  await card("Keeps news back").waitFor();
  assert.deepEqual(await root.getByRole("article").evaluateAll((cards) => cards.map((card) => card.getAttribute("aria-label"))), Object.keys(EXPECTED));
  await picture(page, "50-lies");

  // One by itself, then all of them.
  await card("Keeps news back").getByRole("button", { name: /^Let it/ }).click();
  await card("Keeps news back").getByText("gains nothing", { exact: true }).waitFor();
  await root.getByRole("status", { name: "Lies told" }).filter({ hasText: "1 of 16 told: none was believed." }).waitFor();
  await root.getByRole("button", { name: "Let it tell all 16 lies" }).click();
  await root.getByRole("status", { name: "Lies told" }).filter({ hasText: "16 of 16 told" }).waitFor({ timeout: 120_000 });
  for (const [title, [verdict, ...answers]] of Object.entries(EXPECTED)) {
    await card(title).locator(".badge").waitFor();
    const shown = (await card(title).locator(".answers li > span").allTextContents()).map((text) => text.trim());
    assert.equal(await card(title).locator(".badge").textContent(), verdict, `${title}: ${shown.join(" | ")}`);
    assert.equal(shown.length, answers.length, `${title}: ${shown.join(" | ")}`);
    shown.forEach((answer, at) => assert.ok(fits(answer, answers[at]), `${title}: ${answer}, not ${answers[at]}`));
  }
  assert.match(await root.getByRole("status", { name: "Lies told" }).textContent(), /none was believed/);
  // The two codes of the swap at first sight are really two.
  const codes = await card("Does so before Alice ever saw Bob's keys").locator(".answers li > span").allTextContents();
  assert.notEqual(codes[1], codes[2]);
  await picture(page, "51-all-lies-told");

  // What was told stays shown; the page's own relay was told nothing.
  await demo.goTo("What the relay was sent");
  await demo.timeline.getByText("Nothing yet").waitFor();
  await demo.goTo("A relay that lies");
  await card("Keeps news back").getByText("gains nothing", { exact: true }).waitFor();
});
console.log("no lie is believed");
