// The guided story: every step by its one button, what each side shows after it, and that it is the people of free play.
import assert from "node:assert/strict";
import { onDemo, picture } from "../tools/demo-page.mjs";

const NOTE = "My knee hurts when it rains.\nZweite Zeile: ß ✓";
const NAME = "note-for-the-doctor.txt";

/** The story's part of the page. */
class Guided {
  constructor(demo) {
    this.demo = demo;
    this.page = demo.page;
    this.root = demo.page.getByRole("region", { name: "The story", exact: true });
    this.said = this.root.getByRole("status", { name: "The story" });
    this.outcome = this.said.locator(".outcome");
    this.main = this.root.locator("button.main");
    this.failure = this.root.getByRole("alert").filter({ hasText: /./ });
  }

  /** What one of them sees. */
  side(name) {
    return this.root.getByRole("region", { name: `What ${name} sees`, exact: true });
  }

  async isAt(title) {
    await this.said.getByRole("heading", { name: title }).waitFor();
  }

  /** Presses the step's button and waits for what comes of it. */
  async does(button, outcome) {
    assert.equal(await this.main.textContent(), button);
    await this.main.click();
    await Promise.race([
      this.outcome.filter({ hasText: outcome }).waitFor(),
      this.failure.waitFor().then(async () => assert.fail(await this.failure.textContent())),
    ]);
  }

  async goesOn(title) {
    await this.main.filter({ hasText: title }).click();
    await this.isAt(title);
  }
}

async function fromTheNoteToTheDoctor(demo, guided) {
  await guided.isAt("A note for the doctor");
  await picture(demo.page, "30-story");
  await guided.root.getByLabel("Alice's note").fill(NOTE);
  await guided.does("Encrypt it for Dr. Bob", "encrypted for both");
  await guided.side("Alice").getByText("My knee hurts").waitFor();
  await guided.side("Dr. Bob").getByText("not opened yet").waitFor();
  await guided.goesOn("What the relay got");
  // Computed from what was really sent: the passwords and the note are looked for, and none of it is there.
  await guided.does("Search all of it for the note", /All [\d,]+ bytes were searched for 5 things.*none of them is there/);
  await guided.side("the relay").getByText("The note, as the relay has it").waitFor();
  assert.doesNotMatch(await guided.side("the relay").textContent(), /knee|rains/);
  await picture(demo.page, "31-what-the-relay-got");
  await guided.goesOn("The doctor opens it");
  await guided.does("Open it as Dr. Bob", "He reads what Alice wrote");
  await guided.side("Dr. Bob").getByText("Zweite Zeile: ß ✓").waitFor();
}

async function theWardJoins(demo, guided) {
  await guided.goesOn("The ward joins");
  await guided.does("Share it with the ward", "as a member of the group");
  await guided.side("Carol").getByText("My knee hurts").waitFor();
  await picture(demo.page, "32-the-ward");
}

async function losingAndBeginningAnew(demo, guided) {
  await guided.goesOn("The phone is lost");
  await guided.does("Lose the phone and the password", "ERR_WRONG_SECRET");
  await guided.side("Alice").getByText("A new phone without any keys").waitFor();
  await picture(demo.page, "33-lost");
  await guided.goesOn("She begins anew");
  await guided.does("Begin anew with new keys", "Dr. Bob was told");
  await guided.side("Alice").getByText("ERR_NO_ACCESS").waitFor();
  await guided.side("Alice").getByText("Keys, version 2").waitFor();
}

async function comparingACode(demo, guided) {
  // A reload in the middle loses nothing.
  await demo.page.reload();
  await guided.main.filter({ hasText: "Next: Comparing a code" }).waitFor();
  await guided.goesOn("Comparing a code");
  await guided.root.getByText("The calls behind this step").click();
  await guided.root.getByText("await bob.giveAccessBackTo(").waitFor();
  const hers = guided.side("Alice").locator(".digits");
  const offered = guided.side("Dr. Bob").locator(".digits");
  await offered.waitFor();
  assert.match(await hers.textContent(), /^(\d{5} ){5}\d{5}$/);
  assert.equal(await offered.textContent(), await hers.textContent());
  await guided.side("Alice").getByRole("img", { name: "QR code: The code of my new keys" }).waitFor();
  await picture(demo.page, "34-comparing");
  await guided.root.getByRole("button", { name: "First try it with a code that differs in one digit" }).click();
  await guided.said.getByText("ERR_VERIFICATION_FAILED").waitFor();
  await guided.side("Alice").getByText("ERR_NO_ACCESS").waitFor();
  await picture(demo.page, "35-wrong-code");
  await guided.does("The codes match: give access back", "Alice reads her note again");
  await guided.side("Alice").getByText("My knee hurts").waitFor();
  await picture(demo.page, "36-access-is-back");
}

async function excluding(demo, guided) {
  await guided.goesOn("Somebody leaves");
  await guided.does("Exclude Carol, and write to the ward", "from version 1 to 2");
  await guided.side("Dr. Bob").getByText("under version 2 of its keys").waitFor();
  await guided.side("Carol").getByText("ERR_NO_ACCESS").first().waitFor();
  assert.doesNotMatch(await guided.side("Carol").textContent(), /version 2 of its keys/);
  await picture(demo.page, "37-excluded");
  await guided.main.filter({ hasText: "To the end" }).click();
  await guided.isAt("The key was lost, the data was not");
  assert.equal(await guided.main.count(), 0);
  await picture(demo.page, "38-the-end");
}

/** What the story did, free play has. */
async function goingOnFreely(demo, guided) {
  await guided.said.getByRole("link", { name: "Play freely" }).click();
  await demo.alice.is("connected");
  assert.equal(await demo.page.evaluate(() => document.activeElement?.textContent), "Play freely");
  await demo.alice.file(NAME).getByText("Can be read by Alice, Dr. Bob, and Ward 7").waitFor();
  await demo.bob.receipt.waitFor();
  await demo.page.goBack();
  await guided.isAt("The key was lost, the data was not");
}

/** Leaving in the middle, doing something by hand, and coming back. */
async function leavingAndComingBack(demo) {
  const guided = new Guided(demo);
  await demo.goTo("The story");
  await guided.does("Encrypt it for Dr. Bob", "encrypted for both");
  await demo.goTo("Play freely");
  await demo.bob.press("Disconnect");
  await demo.bob.is("not connected");
  await demo.goTo("The story");
  await guided.goesOn("What the relay got");
  await guided.does("Search all of it for the note", "none of them is there");
  await guided.goesOn("The doctor opens it");
  // Whoever is needed and has left connects again.
  await guided.does("Open it as Dr. Bob", "He reads what Alice wrote");
  // What cannot be taken up is said, and the way out with it.
  await demo.goTo("Play freely");
  await demo.alice.press("Lose the keys");
  await demo.alice.is("not connected");
  await demo.goTo("The story");
  await guided.goesOn("The ward joins");
  await demo.goTo("Play freely");
  await demo.alice.connect();
  await demo.alice.fails("ERR_WRONG_SECRET");
  await demo.alice.press("My keys are lost: begin anew");
  await demo.alice.is("connected");
  await demo.goTo("The story");
  await guided.main.click();
  await guided.failure.filter({ hasText: "start over" }).waitFor();
  await picture(demo.page, "39-broken-off");
  await demo.page.getByRole("button", { name: "Start over…" }).click();
  await demo.page.getByRole("button", { name: "Delete everything" }).click();
  await guided.isAt("A note for the doctor");
  await guided.side("the relay").getByText("Nothing yet").waitFor();
}

await onDemo(async function theGuidedStory(demo) {
  const guided = new Guided(demo);
  await demo.goTo("The story");
  await fromTheNoteToTheDoctor(demo, guided);
  await theWardJoins(demo, guided);
  await losingAndBeginningAnew(demo, guided);
  await comparingACode(demo, guided);
  await excluding(demo, guided);
  await goingOnFreely(demo, guided);
}, leavingAndComingBack);
console.log("the guided story does what it says");
