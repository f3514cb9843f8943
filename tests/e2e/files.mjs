// Real files: dropped or chosen, stored with progress, stopped and taken up again, waiting for their turn, opened by
// somebody else and saved byte by byte as they were. A large one does not freeze the page.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { open, mkdtemp, rm } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onDemo, picture } from "../tools/demo-page.mjs";

const MIB = 1 << 20;
const NAME = "scan.bin";

/** A file on the disk in which no two pieces are alike, and its hash. */
async function largeFile(folder, mebibytes) {
  const path = join(folder, NAME);
  const file = await open(path, "w");
  for (let at = 0; at < mebibytes; at++) {
    const seed = createHash("sha256").update(`piece ${at}`).digest();
    await file.write(Buffer.alloc(MIB, seed));
  }
  await file.close();
  return { path, hash: await hashOf(path) };
}

async function hashOf(path) {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest("hex");
}

async function aLargeFile(demo) {
  const { page, alice, bob } = demo;
  const folder = await mkdtemp(join(tmpdir(), "regrant-demo-"));
  try {
    const { path, hash } = await largeFile(folder, 64);
    for (const person of [alice, bob]) {
      await person.connect();
      await person.is("connected");
    }
    const chooser = alice.root.getByLabel("Drop files here");
    const progress = alice.root.getByRole("progressbar");

    // Stopped in the middle: nobody has it.
    await chooser.setInputFiles(path);
    await progress.waitFor();
    await alice.press("Stop");
    await alice.status.filter({ hasText: "Stopped." }).waitFor();
    assert.equal(await alice.file(NAME).count(), 0);

    // Meanwhile the page goes on: the others' buttons work, and frames are drawn.
    await page.evaluate(() => {
      globalThis.frames = 0;
      const count = () => (globalThis.frames++, requestAnimationFrame(count));
      requestAnimationFrame(count);
      globalThis.values = [];
      const look = new MutationObserver(() => {
        const bar = document.querySelector("progress");
        if (bar) globalThis.values.push(bar.value);
        for (const { textContent } of document.querySelectorAll('[role="status"]')) if (textContent.startsWith("Encrypted next: ")) globalThis.waited = textContent;
      });
      look.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    });
    await chooser.setInputFiles(path);
    await progress.waitFor();
    const before = await page.evaluate(() => globalThis.frames);
    // What comes meanwhile waits for its turn. The page notes by itself what it showed: the turn may come before one looks.
    await demo.drop("alice", { name: "note.txt", type: "text/plain", content: "came meanwhile" });
    const waiting = alice.root.getByRole("status", { name: "Files that wait" });
    await bob.press("Lock");
    await bob.is("locked");
    assert.equal(await alice.root.locator('.status[data-busy="true"]').count(), 1, "Alice's files were stored before Bob's button worked");
    await picture(page, "70-progress");
    await alice.file(NAME).waitFor();
    await alice.file("note.txt").waitFor();
    await alice.idle();
    assert.equal(await waiting.textContent(), "");
    assert.equal(await alice.file("note.txt").count(), 1);
    const { frames, values, waited } = await page.evaluate(() => ({ frames: globalThis.frames, values: globalThis.values, waited: globalThis.waited }));
    assert.equal(waited, "Encrypted next: note.txt");
    assert.ok(frames - before > 10, `${frames - before} frames while 64 MiB were stored`);
    assert.ok(new Set(values).size > 4, `the progress was shown as ${values}`);

    await bob.password.fill("stethoscope on a hook");
    await bob.press("Unlock");
    await bob.is("connected");
    await alice.file(NAME).getByRole("button", { name: "Share with Dr. Bob" }).click();
    await bob.file(NAME).waitFor();
    await bob.press(`Open ${NAME}`);
    const download = page.waitForEvent("download");
    await bob.contents(NAME).getByRole("link", { name: `Save ${NAME}` }).click();
    assert.equal(await hashOf(await (await download).path()), hash, "what Bob saved is what Alice chose");
    await picture(page, "71-large-file");
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Several at once, an empty one, and one whose name is no file name. */
async function severalFiles(demo) {
  const { alice } = demo;
  await alice.connect();
  await alice.is("connected");
  await alice.root.getByLabel("Drop files here").setInputFiles([
    { name: "empty.txt", mimeType: "text/plain", buffer: Buffer.alloc(0) },
    { name: "ünïcode ✓.txt", mimeType: "text/plain", buffer: Buffer.from("naïve") },
  ]);
  await alice.status.filter({ hasText: "2 files encrypted" }).waitFor();
  await alice.press("Open empty.txt");
  await alice.contents("empty.txt").getByText("This file is empty.").waitFor();
  await alice.press("Open ünïcode ✓.txt");
  assert.equal(await alice.text("ünïcode ✓.txt"), "naïve");
}

/** Dropped in the moment in which the keys are locked: it is not encrypted, and that is said. */
async function tooLate(demo) {
  const { page, alice } = demo;
  await alice.connect();
  await alice.is("connected");
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["late"], "late.txt", { type: "text/plain" }));
    const zone = document.querySelector('[data-testid="drop-alice"]');
    [...zone.parentElement.querySelectorAll("button")].find(({ textContent }) => textContent === "Lock").click();
    zone.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  await alice.is("locked");
  await alice.alert.filter({ hasText: "late.txt" }).waitFor();
  await alice.password.fill("seven green umbrellas");
  await alice.press("Unlock");
  await alice.is("connected");
  assert.equal(await alice.file("late.txt").count(), 0);
}

await onDemo(aLargeFile, severalFiles, tooLate);
console.log("files come back as they were");
