// Other ways to lose keys, on the demo page: what comes back by itself, what has to wait, and who can help.
import assert from "node:assert/strict";
import { onDemo } from "../tools/demo-page.mjs";

const FILE = "blood-pressure.txt";

async function theOldPasswordBringsTheKeysBack(demo) {
  const { alice, bob } = demo;
  await demo.share();
  await alice.press("Lose the keys");
  await alice.is("not connected");
  await alice.connect("seven green umbrellas");
  await alice.is("connected");
  await alice.root.getByText("Keys, version 1").waitFor();
  await alice.press(`Open ${FILE}`);
  assert.match(await alice.text(FILE), /Blood pressure/);
  assert.equal(await bob.request.count(), 0);
}

async function theFriendWasAway(demo) {
  const { alice, bob } = demo;
  await demo.share();
  await bob.press("Disconnect");
  await bob.is("not connected");
  await alice.loseEverything();
  await bob.connect();
  await bob.is("connected");
  await bob.giveBack();
  await alice.file(FILE).waitFor();
}

async function lostTwice(demo) {
  const { alice, bob } = demo;
  await demo.share();
  await alice.loseEverything();
  await bob.request.waitFor();
  await alice.loseEverything("a third password");
  await alice.root.getByText("Keys, version 3").waitFor();
  await bob.giveBack();
  await alice.press(`Open ${FILE}`);
  assert.match(await alice.text(FILE), /Blood pressure/);
}

async function bothLoseTheirsInTurn(demo) {
  const { alice, bob } = demo;
  await demo.share();
  await bob.loseEverything();
  await alice.giveBack();
  await bob.file(FILE).waitFor();
  await alice.loseEverything();
  await bob.giveBack();
  await alice.press(`Open ${FILE}`);
  assert.match(await alice.text(FILE), /Blood pressure/);
}

async function nothingGoesToAKeyThatNobodyCompared(demo) {
  const { alice, bob } = demo;
  await demo.share();
  await alice.loseEverything();
  await bob.request.waitFor();
  await bob.press("Use a sample file");
  await bob.press("Share with Alice");
  await bob.fails("ERR_IDENTITY_CHANGED");
  await bob.request.getByRole("button", { name: "Dismiss" }).click();
  await bob.request.waitFor({ state: "detached" });
  await bob.idle();
  await demo.page.reload();
  await bob.is("connected");
  assert.equal(await bob.request.count(), 0);
  assert.equal(await alice.file(FILE).count(), 0);
}

async function whatWasSharedWithNobodyIsLost(demo) {
  const { alice, bob } = demo;
  await alice.connect();
  await alice.is("connected");
  await bob.connect();
  await bob.is("connected");
  await alice.press("Use a sample file");
  await alice.file(FILE).waitFor();
  await alice.loseEverything();
  await demo.hints("shared with nobody");
  await alice.file("Encrypted file").getByText("ERR_NO_ACCESS").waitFor();
  assert.equal(await bob.request.count(), 0);
}

async function twoTabsAreOne(demo) {
  await demo.share();
  const page = await demo.page.context().newPage();
  await page.goto(demo.page.url());
  const other = new demo.constructor(page);
  await other.alice.is("connected");
  await other.alice.press("Use a sample file");
  await demo.alice.file(FILE).nth(1).waitFor();
  await other.bob.press("Disconnect");
  await demo.bob.is("not connected");
  // What follows is below: it moves as long as the panel changes.
  await other.bob.is("not connected");
  await page.getByRole("button", { name: "Start over…" }).click();
  await page.getByRole("button", { name: "Delete everything" }).click();
  await demo.alice.is("not connected");
  assert.equal(await demo.alice.file(FILE).count(), 0);
}

await onDemo(
  theOldPasswordBringsTheKeysBack,
  theFriendWasAway,
  lostTwice,
  bothLoseTheirsInTurn,
  nothingGoesToAKeyThatNobodyCompared,
  whatWasSharedWithNobodyIsLost,
  twoTabsAreOne,
);
console.log("every loss ends as it should");
