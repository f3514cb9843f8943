// What the relay was sent: every request is listed, can be read field by field and byte by byte, and is searched for what
// is secret. The search is shown to find what is there.
import assert from "node:assert/strict";
import { onDemo, picture } from "../tools/demo-page.mjs";

const LETTER = "Dear doctor,\nthe new pills work. Änne ✓\n";

/** The entries, newest first. */
const entries = ({ timeline }) => timeline.getByRole("list", { name: "Requests, newest first" }).locator(":scope > li");

async function nothingYet(demo) {
  await demo.goTo("What the relay was sent");
  await demo.timeline.getByText("Nothing yet").waitFor();
  await picture(demo.page, "40-nothing-sent");
  await demo.goTo("Play freely");
}

async function asItGoes(demo) {
  await demo.share();
  await demo.drop("alice", { name: "letter.txt", type: "text/plain", content: LETTER });
  await demo.alice.file("letter.txt").waitFor();
  await demo.goTo("What the relay was sent");
  await entries(demo).filter({ hasText: "meanwhile Alice: Deriving keys from the password" }).first().waitFor({ state: "attached" });
  await entries(demo).filter({ hasText: /parts? of a file/ }).first().waitFor();
  const before = Number(await entries(demo).first().getAttribute("value"));
  // Another tab's doings are there, too.
  const page = await demo.page.context().newPage();
  await page.goto(demo.page.url().replace(/#.*/, "#play"));
  const other = new demo.constructor(page);
  await other.bob.is("connected");
  await other.bob.press("Use a sample file");
  await other.bob.file("blood-pressure.txt").nth(1).waitFor();
  await page.close();
  await demo.page.waitForFunction((before) => Number(document.querySelector(".sent > li")?.value) > before, before);
}

async function whatIsSecretIsNotFound(demo) {
  const { page, timeline } = demo;
  const says = timeline.getByRole("status", { name: "Search for what is secret" });
  await says.filter({ hasText: /not found\.$/ }).waitFor();
  const [, bytes, count] = /^Searched ([\d,]+) bytes in all \d+ requests for (\d+) things/.exec(await says.textContent());
  assert.ok(Number(bytes.replaceAll(",", "")) > 10_000);
  // Two passwords, two names, and what is in the files.
  assert.ok(Number(count) >= 8, count);

  const found = timeline.getByRole("status", { name: "What your search found" });
  const search = async (text) => {
    await timeline.getByLabel("Search for something of your own").fill(text);
    await timeline.getByRole("button", { name: "Search" }).click();
    await found.filter({ hasText: `“${text}”` }).waitFor();
    return found.textContent();
  };
  for (const secret of ["new pills", "Änne ✓", "letter.txt", "seven green umbrellas"]) assert.match(await search(secret), /: not found\.$/);
  // What it has to know is found, as text and inside an encoded field: the file format's mark in the bytes of a file.
  assert.match(await search("alice"), /found in \d+ requests/);
  assert.match(await search("RGR1"), /found in \d+ requests?/);
  await picture(page, "41-searched");
}

async function fieldByFieldAndByteByByte(demo) {
  const { page, timeline } = demo;
  const entry = entries(demo).filter({ hasText: "finishUpload" }).first();
  await entry.locator("summary").first().click();
  await entry.getByText(/^Searched [\d,]+ bytes of this request .* not found\.$/).waitFor();
  await entry.getByText("With the token of a session.").waitFor();
  const operation = entry.locator(".record").filter({ hasText: "finishUpload" });
  await operation.locator("summary").click();
  const table = operation.getByRole("table");
  const sealed = table.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "grants.0.sealed", exact: true }) });
  await sealed.waitFor();
  const [size, value, meaning] = await sealed.getByRole("cell").allTextContents();
  assert.equal(meaning, "ciphertext");
  // The sizes are of decoded bytes, and these are what is shown: the same that the relay keeps.
  const text = await page.evaluate(async () => {
    const request = indexedDB.open("regrant-demo-relay");
    const database = await new Promise((done) => (request.onsuccess = () => done(request.result)));
    const rows = database.transaction("records").objectStore("records").getAll();
    await new Promise((done) => (rows.onsuccess = done));
    database.close();
    return rows.result.filter(({ key }) => key.startsWith("grant/")).map(({ value }) => JSON.parse(value).grant.sealed);
  });
  const whole = text.find((sealed) => sealed.startsWith(value.replace("…", "")));
  assert.equal(Number(size), Buffer.from(whole, "base64url").length);
  await operation.getByLabel(/^Bytes of finishUpload/).and(page.locator("select")).selectOption("grants.0.sealed");
  const dump = await operation.locator("pre.hex").textContent();
  const pairs = dump.split("\n").flatMap((line) => line.slice(0, 47).trim().split(" "));
  assert.equal(pairs.join(""), Buffer.from(whole, "base64url").toString("hex"));
  await picture(page, "42-an-operation");
  await entry.locator("summary").first().click();

  const parts = entries(demo).filter({ hasText: /parts? of a file/ }).last();
  await parts.locator("summary").first().click();
  await parts.getByLabel(/^Bytes of part/).waitFor();
  assert.match(await parts.getByLabel(/^Bytes of part/).textContent(), /^([0-9a-f]{2} ){16}/);
  await parts.getByText(/of this request .* not found\.$/).waitFor();
}

/** Those that only ask are there, too, for whoever wants to see them. */
async function whatIsOnlyAsked(demo) {
  const { page, timeline } = demo;
  const asks = entries(demo).filter({ hasText: "asks: " });
  assert.equal(await asks.count(), 0);
  await timeline.getByRole("button", { name: /^Show the \d+ that only ask, too$/ }).click();
  await asks.first().waitFor();
  const [first, second] = await entries(demo).evaluateAll((all) => all.slice(0, 2).map(({ value }) => value));
  assert.equal(first, second + 1, "none is left out");
  await picture(page, "43-all-requests");
  await timeline.getByRole("button", { name: "Hide those that only ask" }).click();
  assert.equal(await asks.count(), 0);
}

/** What was sent stays listed over a reload; what the page knew in the clear does not. */
async function afterAReload({ page, timeline }) {
  const before = await timeline.locator(".sent > li").first().getAttribute("value");
  await page.reload();
  await timeline.locator(`.sent > li[value="${before}"]`).waitFor();
  await timeline.getByRole("status", { name: "Search for what is secret" }).filter({ hasText: /not found\.$|Nothing to search for/ }).waitFor();
}

await onDemo(async function everythingThatWasSent(demo) {
  await nothingYet(demo);
  await asItGoes(demo);
  await whatIsSecretIsNotFound(demo);
  await fieldByFieldAndByteByByte(demo);
  await whatIsOnlyAsked(demo);
  await afterAReload(demo);
});
console.log("what was sent can be read");
