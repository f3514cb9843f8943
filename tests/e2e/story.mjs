// The story that the demo page tells, clicked through in a real browser. `cargo xtask demo --check` runs it against
// the built page, whose address is in REGRANT_URL; with REGRANT_SCREENSHOTS=FOLDER it leaves pictures of every state.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { onDemo, picture } from "../tools/demo-page.mjs";

/** The smallest picture: one pixel. */
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const LETTER = "Dear doctor,\nthe new pills work. Änne ✓\n";

async function connecting(demo) {
  const { page, alice, bob } = demo;
  await demo.hints("Alice: press “Connect”");
  await picture(page, "01-empty");
  await alice.password.fill("");
  await alice.press("Connect");
  await alice.fails("ERR_BAD_INPUT");
  await alice.connect("seven green umbrellas");
  await alice.status.filter({ hasText: "Deriving keys" }).waitFor();
  await picture(page, "02-deriving");
  await alice.is("connected");
  await demo.hints("Dr. Bob: press “Connect”");
  await bob.press("Connect");
  await bob.is("connected");
  await picture(page, "03-connected");
}

async function encryptingAndSharing(demo) {
  const { page, alice, bob } = demo;
  await alice.press("Use a sample file");
  await alice.file("blood-pressure.txt").waitFor();
  // The bytes reach the other side, and say nothing there.
  await bob.file("Encrypted file").getByText("ERR_NO_ACCESS").waitFor();
  await bob.press("Try to open Encrypted file");
  await bob.fails("ERR_NO_ACCESS");
  await picture(page, "04-encrypted");

  await alice.root.getByLabel("Drop files here").setInputFiles({ name: "pixel.png", mimeType: "image/png", buffer: PIXEL });
  await alice.file("pixel.png").waitFor();
  await demo.drop("alice", { name: "letter.txt", type: "text/plain", content: LETTER });
  await alice.file("letter.txt").waitFor();

  for (const name of ["blood-pressure.txt", "pixel.png", "letter.txt"]) {
    await alice.file(name).getByRole("button", { name: "Share with Dr. Bob" }).click();
    await alice.file(name).getByText("Can be read by Alice and Dr. Bob").waitFor();
    await bob.file(name).waitFor();
  }
  await alice.press("Open blood-pressure.txt");
  await bob.press("Open blood-pressure.txt");
  const sample = await alice.text("blood-pressure.txt");
  assert.match(sample, /Blood pressure, kept by Alice/);
  assert.equal(await bob.text("blood-pressure.txt"), sample);
  await bob.press("Open letter.txt");
  assert.equal(await bob.text("letter.txt"), LETTER);
  await bob.press("Open pixel.png");
  const image = bob.contents("pixel.png").getByRole("img");
  await image.waitFor();
  assert.equal(await image.evaluate((image) => image.decode().then(() => image.naturalWidth)), 1);
  assert.deepEqual(await saved(demo, bob.contents("pixel.png").getByRole("link", { name: "Save pixel.png" })), PIXEL);
  await picture(page, "05-shared");
  return sample;
}

async function saved({ page }, trigger) {
  const download = page.waitForEvent("download");
  await trigger.click();
  return readFile(await (await download).path());
}

/** What leaves the page holds neither names nor text. */
async function theCiphertext(demo) {
  const file = demo.alice.file("letter.txt");
  await file.getByText("What a server sees").click();
  assert.match(await file.getByLabel("Encrypted bytes").textContent(), /^52 47 52 31 01 .* RGR1/);
  const bytes = await saved(demo, file.getByRole("button", { name: "Download encrypted" }));
  for (const secret of ["letter.txt", "pills"]) assert.ok(!bytes.includes(secret), `${secret} is readable in the ciphertext`);
  await file.getByText("What a server sees").click();
}

/** Everything in the relay's databases, read past the page. */
function inTheRelay(page) {
  return page.evaluate(async () => {
    const everything = {};
    for (const [name, stores] of [["regrant-demo-relay", ["records", "names", "parts"]], ["regrant-demo-relay-sent", ["sent"]]]) {
      const request = indexedDB.open(name);
      const database = await new Promise((done) => (request.onsuccess = () => done(request.result)));
      for (const store of stores) {
        // What was deleted, and not begun anew yet, has nothing.
        everything[store] = [];
        if (!database.objectStoreNames.contains(store)) continue;
        const rows = database.transaction(store).objectStore(store).getAll();
        await new Promise((done) => (rows.onsuccess = done));
        everything[store] = rows.result.map((row) => (row instanceof Uint8Array ? String.fromCharCode(...row) : row));
      }
      database.close();
    }
    return everything;
  });
}

async function whatTheRelaySees(demo) {
  const { page, relay } = demo;
  await demo.goTo("What the relay was sent");
  const kinds = relay.locator(".kind");
  await kinds.first().waitFor();
  await relay.getByRole("button", { name: "Look again" }).click();
  for (const kind of await kinds.all()) await kind.locator("summary").first().click();
  const record = relay.locator(".record").filter({ hasText: "identity/alice" }).first();
  await record.locator("summary").click();
  assert.equal(typeof JSON.parse(await record.locator("pre").textContent()), "object");
  await picture(page, "06-relay");
  const all = JSON.stringify(await inTheRelay(page));
  assert.ok(Object.values(await inTheRelay(page)).every((rows) => rows.length > 2) && all.length > 1000);
  for (const secret of ["letter.txt", "blood", "pills", "umbrella", "stethoscope"]) {
    assert.ok(!all.includes(secret), `the relay holds ${secret}`);
  }
  await demo.goTo("Play freely");
}

async function reloadingAndLocking(demo, sample) {
  const { page, alice, bob } = demo;
  await page.reload();
  await alice.is("connected");
  await bob.is("connected");
  await bob.press("Open blood-pressure.txt");
  assert.equal(await bob.text("blood-pressure.txt"), sample);

  await alice.press("Lock");
  await alice.is("locked");
  await picture(page, "07-locked");
  await alice.password.fill("seven blue umbrellas");
  await alice.press("Unlock");
  await alice.fails("ERR_WRONG_SECRET");
  await alice.password.fill("seven green umbrellas");
  await alice.press("Unlock");
  await alice.is("connected");
  await alice.press("Open letter.txt");
  assert.equal(await alice.text("letter.txt"), LETTER);

  await bob.press("Disconnect");
  await bob.is("not connected");
  await bob.press("Connect");
  await bob.is("connected");
  await bob.file("letter.txt").waitFor();
}

async function losingTheKey(demo) {
  const { page, alice } = demo;
  await demo.hints(/Now the accident|Dr. Bob: press “Open”/);
  await alice.press("Lose the keys");
  await alice.is("not connected");
  await demo.hints("Alice's keys are gone");
  await picture(page, "08-lost");
  await page.reload();
  await demo.hints("Alice's keys are gone");
  await alice.press("Connect");
  await alice.fails("ERR_WRONG_SECRET");
  await demo.hints("begin anew");
  await picture(page, "09-wrong-secret");
  await alice.press("My keys are lost: begin anew");
  await alice.is("connected");
  await alice.root.getByText("Keys, version 2").waitFor();
  assert.equal(await alice.file("Encrypted file").count(), 3);
  await alice.file("Encrypted file").first().getByRole("button").first().click();
  await alice.fails("ERR_NO_ACCESS");
  await demo.drop("alice", { name: "after.txt", type: "text/plain", content: "written after the loss" });
  await alice.press("Open after.txt");
  assert.equal(await alice.text("after.txt"), "written after the loss");
}

async function gettingAccessBack(demo, sample) {
  const { page, alice, bob } = demo;
  await bob.request.waitFor();
  await demo.hints("compare her code");
  const code = await alice.code.textContent();
  assert.match(code, /^(\d{5} ){5}\d{5}$/);
  const field = bob.request.getByLabel("Code that Alice reads out");
  const give = bob.request.getByRole("button", { name: "Compare, and give access back" });
  await picture(page, "10-notified");

  await field.fill(code.replace(/\d/, (digit) => String((Number(digit) + 1) % 10)));
  await give.click();
  await bob.fails("ERR_VERIFICATION_FAILED");
  assert.equal(await alice.file("Encrypted file").count(), 3);
  await picture(page, "11-wrong-code");
  await field.fill("no code");
  await give.click();
  await bob.fails("ERR_VERIFICATION_FAILED");

  await bob.request.getByRole("button", { name: "Fill in from Alice's panel" }).click();
  assert.equal(await field.inputValue(), code);
  await give.click();
  await bob.receipt.waitFor();
  await alice.file("blood-pressure.txt").waitFor();
  assert.equal(await alice.file("Encrypted file").count(), 0);
  await bob.request.waitFor({ state: "detached" });
  await picture(page, "12-given-back");
  await alice.press("Open blood-pressure.txt");
  assert.equal(await alice.text("blood-pressure.txt"), sample);
  await alice.press("Open letter.txt");
  assert.equal(await alice.text("letter.txt"), LETTER);
  await demo.hints("That was the story");
  await picture(page, "13-done");
}

async function takingAccessAway(demo) {
  const { page, alice, bob } = demo;
  const file = alice.file("after.txt");
  await file.getByRole("button", { name: "Share with Dr. Bob" }).click();
  await bob.file("after.txt").waitFor();
  await bob.press("Open after.txt");
  await file.getByRole("button", { name: "Take access from Dr. Bob…" }).click();
  await file.getByText("This takes this file away from Dr. Bob").waitFor();
  await bob.file("after.txt").waitFor();
  await picture(page, "14-revoking");
  await file.getByRole("button", { name: "Take access away" }).click();
  await file.getByText("Can be read by Alice").waitFor();
  await bob.file("after.txt").waitFor({ state: "detached" });
  await bob.file("Encrypted file").getByText("ERR_NO_ACCESS").waitFor();
  await bob.file("letter.txt").waitFor();
}

async function startingOver(demo) {
  const { page } = demo;
  await page.getByRole("button", { name: "Start over…" }).click();
  // What the page shows before it is loaded again may be the same as after.
  const again = page.waitForEvent("load");
  await page.getByRole("button", { name: "Delete everything" }).click();
  await again;
  await demo.hints("Alice: press “Connect”");
  await demo.alice.is("not connected");
  // A new relay may be there by now, and has nothing of the old one.
  const left = await inTheRelay(page);
  assert.deepEqual(left, { records: [], names: [], parts: [], sent: [] });
}

await onDemo(async function theWholeStory(demo) {
  await connecting(demo);
  const sample = await encryptingAndSharing(demo);
  await theCiphertext(demo);
  await whatTheRelaySees(demo);
  await reloadingAndLocking(demo, sample);
  await losingTheKey(demo);
  await gettingAccessBack(demo, sample);
  await takingAccessAway(demo);
  await startingOver(demo);
});
console.log("the story holds");
