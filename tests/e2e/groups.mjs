// Groups on the demo page: making one, what its members read and why, who is closed out, and the picture of it all.
import assert from "node:assert/strict";
import { onDemo, picture } from "../tools/demo-page.mjs";

const FILE = "blood-pressure.txt";

/** The groups' section of the page. */
class Groups {
  constructor(demo) {
    this.demo = demo;
    this.page = demo.page;
    this.root = demo.page.getByRole("region", { name: "Groups, and who can read what" });
    this.happened = this.root.getByRole("status", { name: "What happened in the groups" });
    this.alert = this.root.getByRole("alert").filter({ hasText: /./ });
    this.picture = this.root.getByRole("group", { name: /^Picture of the graph/ });
    this.chosen = this.root.getByRole("status", { name: "What is chosen in the picture" });
    this.table = this.root.getByRole("table");
    this.carol = demo.panel("Carol (nurse)");
    this.dave = demo.panel("Dave (physiotherapist)");
  }

  button(name) {
    return this.root.getByRole("button", { name, exact: true });
  }

  card(name) {
    return this.root.getByRole("article", { name, exact: true });
  }

  async press(name) {
    await this.button(name).click();
  }

  async as(login) {
    await this.root.getByLabel("Look and act as").selectOption(login);
  }

  /** Waits until the page says that this was done. */
  async did(pattern) {
    await this.happened.filter({ hasText: pattern }).waitFor();
  }

  /** Waits for a failure with this code, and gives its words. */
  async fails(code) {
    const failure = this.alert.filter({ hasText: code });
    await failure.waitFor();
    return failure.textContent();
  }

  async create(name, ...members) {
    const form = this.root.getByRole("form", { name: "Create a group" });
    await form.getByLabel("Name of the group").fill(name);
    for (const box of await form.getByRole("checkbox").all()) await box.uncheck();
    for (const member of members) await form.getByRole("checkbox", { name: member }).check();
    await form.getByRole("button", { name: "Create the group" }).click();
  }

  async show(file) {
    const choice = this.root.getByLabel("File whose readers are shown");
    const option = choice.locator("option").filter({ hasText: file });
    await option.waitFor({ state: "attached" });
    await choice.selectOption(await option.getAttribute("value"));
  }

  /** Waits until the explanation of a file says so. */
  async explains(file, sentence) {
    await this.root.getByRole("region", { name: `Readers of ${file}` }).getByRole("listitem").filter({ hasText: sentence }).waitFor();
  }

  /** A row of the table, from its identity on. */
  async row(name) {
    const row = this.table.getByRole("row").filter({ has: this.page.getByRole("rowheader", { name, exact: true }) });
    return [name, ...(await row.getByRole("cell").allTextContents())];
  }

  node(name) {
    return this.picture.getByRole("button", { name });
  }
}

async function everybodyIsThere(demo) {
  const groups = new Groups(demo);
  for (const person of [demo.alice, demo.bob]) {
    await person.connect();
    await person.is("connected");
  }
  for (const [name, person] of [["Carol (nurse)", groups.carol], ["Dave (physiotherapist)", groups.dave]]) {
    await groups.press(`Call in ${name}`);
    await person.is("connected");
  }
  return groups;
}

/** From making a group to whoever joins later: members read, others do not. */
async function makingAGroup(demo, groups) {
  await groups.as("bob");
  await groups.create("Ward 7");
  await groups.alert.filter({ hasText: "at least one member" }).waitFor();
  await groups.create("Ward 7", "Dr. Bob", "Carol");
  await groups.did("Dr. Bob created Ward 7. Its members: Dr. Bob and Carol.");
  await groups.create("Ward 7", "Dr. Bob");
  assert.match(await groups.fails("ERR_IDENTITY_EXISTS"), /this login is taken/i);

  await demo.alice.press("Use a sample file");
  await demo.alice.press("Share with Ward 7");
  await demo.alice.file(FILE).getByText("Can be read by Alice, Dr. Bob, Carol, and Ward 7").waitFor();
  await groups.carol.press(`Open ${FILE}`);
  assert.match(await groups.carol.text(FILE), /Blood pressure, kept by Alice/);
  await groups.dave.file("Encrypted file").getByText("ERR_NO_ACCESS").waitFor();

  // Only members may; whoever is none sees nothing of who is.
  await groups.as("dave");
  await groups.card("Ward 7").getByText("Who is in it is not shown to Dave").waitFor();
  await groups.press("Renew the keys of Ward 7");
  assert.match(await groups.fails("ERR_FORBIDDEN"), /Dave is not in Ward 7/);
  await groups.as("bob");
  await groups.root.getByLabel("Add to Ward 7").selectOption("dave");
  await groups.press("Add Dave to Ward 7");
  await groups.did("Dr. Bob added Dave to Ward 7");
  await groups.dave.press(`Open ${FILE}`);
  assert.match(await groups.dave.text(FILE), /Blood pressure/);
}

/** A group in a group: the way is told in words, in the section and on the file itself. */
async function whyTheyCanRead(demo, groups) {
  await groups.create("Clinic", "Ward 7");
  await groups.did("Dr. Bob created Clinic. Its members: Ward 7.");
  await demo.bob.press("Use a sample file");
  const file = demo.bob.file(FILE).first();
  await file.getByRole("button", { name: "Share with Clinic" }).click();
  await groups.show("of Dr. Bob");
  await groups.explains(FILE, "Carol can read it, because Carol is in Ward 7, which is in Clinic, which Dr. Bob gave it to; until it is taken away.");
  await groups.explains(FILE, "Dr. Bob can read it, because Dr. Bob encrypted it.");
  await groups.explains(FILE, "Alice cannot: no key of Alice's opens it.");
  await file.getByText("Who can read it, and why").click();
  await file.getByRole("listitem").filter({ hasText: "Dave is in Ward 7, which is in Clinic" }).waitFor();
  await file.getByText("Who can read it, and why").click();
  assert.deepEqual(await groups.row("Ward 7"), ["Ward 7", "group", "version 1", "code compared", "Dr. Bob, Carol, and Dave", "Clinic"]);
  assert.deepEqual((await groups.row("Dr. Bob")).slice(0, 4), ["Dr. Bob", "person", "version 1", "oneself"]);
  assert.equal((await groups.row("Carol")).at(-1), "Ward 7");
}

/** The same in the picture, by keyboard alone. */
async function thePicture({ page }, groups) {
  await groups.root.getByLabel("File whose readers are shown").focus();
  await page.keyboard.press("Tab");
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
  const first = await focused();
  assert.match(first, /person, keys version 1/);
  const seen = new Set([first]);
  for (const key of ["End", "ArrowUp", "ArrowUp", "ArrowUp", "Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowLeft"]) {
    await page.keyboard.press(key);
    seen.add(await focused());
  }
  // Four people, two groups, one file.
  assert.equal(seen.size, 7, [...seen].join("\n"));
  assert.equal(await groups.picture.getByRole("button").count(), 7);
  await groups.node(/^Ward 7/).focus();
  await page.keyboard.press("Enter");
  await groups.chosen.filter({ hasText: /^Ward 7, group, keys version 1, .*members: Dr\. Bob, Carol, and Dave, is in Clinic, can read/ }).waitFor();
  assert.equal(await groups.node(/^Ward 7/).getAttribute("aria-pressed"), "true");
  await picture(page, "20-groups");
  await page.keyboard.press(" ");
  assert.equal(await groups.node(/^Ward 7/).getAttribute("aria-pressed"), "false");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.closest("svg") === null), true, "one press of Tab leaves the picture");
}

/** The keys go up, through all groups above; what comes afterwards is closed to whoever was excluded. */
async function excluding(demo, groups) {
  await groups.press("Exclude Carol from Ward 7");
  await groups.did("Dr. Bob excluded Carol from Ward 7. Its keys went from version 1 to version 2.");
  for (const name of ["Ward 7", "Clinic"]) {
    await groups.card(name).getByText("Keys, version 2").waitFor();
    assert.equal((await groups.row(name))[2], "version 2");
  }
  await groups.card("Ward 7").getByText("Carol was excluded").waitFor();
  await groups.node(/^Ward 7, group, keys version 2/).waitFor();
  assert.equal((await groups.row("Carol")).at(-1), "none");

  await groups.press("Encrypt a note for Ward 7");
  const note = "note-for-ward-7-v2.txt";
  await groups.did(`Dr. Bob encrypted ${note} for Ward 7.`);
  await groups.explains(note, "Dave can read it, because Dave is in Ward 7, which Dr. Bob gave it to");
  await groups.explains(note, "Carol cannot");
  await groups.node(/^Carol.*cannot read/).waitFor();
  await groups.dave.press(`Open ${note}`);
  assert.match(await groups.dave.text(note), /under version 2 of its keys/);
  assert.equal(await groups.carol.file(note).count(), 0);
  await groups.carol.file("Encrypted file").first().getByRole("button", { name: "Try to open" }).click();
  await groups.carol.fails("ERR_NO_ACCESS");
  await picture(demo.page, "21-excluded");
}

/** Renewing closes nobody out. */
async function renewing(demo, groups) {
  await groups.as("dave");
  await groups.press("Renew the keys of Ward 7");
  await groups.did("Dave renewed the keys of Ward 7: they are version 3 now.");
  await demo.bob.press("Renew the keys");
  await groups.did("Dr. Bob has new keys");
  await demo.alice.press("Renew the keys");
  await groups.did("Alice has new keys");
  await demo.bob.root.getByText("Keys, version 2").waitFor();
  await groups.dave.press("Close note-for-ward-7-v2.txt");
  for (const person of [groups.dave, demo.bob]) {
    await person.press("Open note-for-ward-7-v2.txt");
    assert.match(await person.text("note-for-ward-7-v2.txt"), /A note by Dr. Bob/);
  }
  // Renewed by oneself is not lost: the story does not take it for a loss.
  await demo.hints(/Alice: press|Dr. Bob: press|Now the accident/);
}

/** Before access is taken from a group: who would lose it. */
async function takingAccessFromAGroup(demo, groups) {
  const file = demo.alice.file(FILE);
  await file.getByRole("button", { name: "Share with Dave" }).click();
  await file.getByRole("button", { name: "Take access from Dave…" }).waitFor();
  await file.getByRole("button", { name: "Take access from Ward 7…" }).click();
  const losing = file.getByRole("list", { name: "Would lose access" });
  await losing.waitFor();
  assert.deepEqual(await losing.getByRole("listitem").allTextContents(), ["Dr. Bob"]);
  await picture(demo.page, "22-taking-from-a-group");
  await file.getByRole("button", { name: "Take access away" }).click();
  await file.getByText("Can be read by Alice and Dave").waitFor();
  await groups.dave.file(FILE).first().waitFor();
}

async function afterAReload({ page, bob }, groups) {
  await page.reload();
  await groups.dave.is("connected");
  await groups.as("dave");
  await groups.card("Ward 7").getByText("Keys, version 3").waitFor();
  assert.equal(await groups.picture.count(), 0, "the picture waits until it comes into view");
  await groups.table.scrollIntoViewIfNeeded();
  await groups.node(/^Ward 7, group, keys version 3/).waitFor();
  // What needs the secret itself asks for it.
  await bob.press("Renew the keys");
  await bob.fails("ERR_LOCKED");
  await bob.alert.filter({ hasText: "press “Lock” in the panel of Dr. Bob, and unlock" }).waitFor();
}

/** Who lost her keys gets back what her group was given, from a member who compares her code. */
async function aMemberLosesHerKeys(demo) {
  const { alice, bob } = demo;
  const groups = await everybodyIsThere(demo);
  await groups.as("bob");
  await groups.create("Ward 7", "Dr. Bob", "Carol");
  await alice.press("Use a sample file");
  await alice.press("Share with Ward 7");
  await groups.carol.file(FILE).waitFor();
  await groups.carol.loseEverything();
  await groups.carol.file("Encrypted file").getByText("ERR_NO_ACCESS").waitFor();
  // The table says so; and nothing goes to keys that nobody compared, neither when the group's keys are renewed.
  await bob.request.waitFor();
  assert.equal((await groups.row("Carol"))[3], "changed without proof");
  await groups.press("Renew the keys of Ward 7");
  await groups.did("they are version 2 now");
  await groups.carol.file("Encrypted file").getByText("ERR_NO_ACCESS").waitFor();
  assert.equal(await groups.carol.file(FILE).count(), 0);
  await bob.giveBack();
  await groups.carol.press(`Open ${FILE}`);
  assert.match(await groups.carol.text(FILE), /Blood pressure/);
  await groups.press("Encrypt a note for Ward 7");
  await groups.carol.file("note-for-ward-7-v2.txt").waitFor();
  assert.equal((await groups.row("Carol"))[3], "code compared");
  // A group that nobody is in could not be opened any more.
  await groups.press("Exclude Carol from Ward 7");
  await groups.did("Dr. Bob excluded Carol");
  await groups.press("Exclude Dr. Bob from Ward 7");
  await groups.fails("ERR_NO_RECIPIENT");
}

await onDemo(async function aGroupFromItsBeginningOn(demo) {
  const chunks = [];
  demo.page.on("request", (request) => /dagre/.test(request.url()) && chunks.push(request.url()));
  assert.equal(await demo.page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => /dagre/.test(name)).length), 0);
  const groups = await everybodyIsThere(demo);
  await makingAGroup(demo, groups);
  await whyTheyCanRead(demo, groups);
  await thePicture(demo, groups);
  assert.equal(chunks.length, 1, "the picture's library is loaded once, when the picture is first shown");
  await excluding(demo, groups);
  await renewing(demo, groups);
  await takingAccessFromAGroup(demo, groups);
  await afterAReload(demo, groups);
}, aMemberLosesHerKeys);
console.log("groups do as they should");
