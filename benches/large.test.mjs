// A gibibyte through a page: streamed, and stored and read back, while the memory of the page's process is watched.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchOnDisk } from "../tests/tools/browser.mjs";
import { node, pack, project, scratch, tool } from "../tests/tools/project.mjs";
import { serve } from "../tests/tools/serve.mjs";

const GiB = 1 << 30;
const MiB = 1 << 20;

/** What runs in the page. */
const PAGE = `
import { Regrant } from "regrant";
const vaultSecret = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eDE";
const MiB = 1 << 20;
let alice;
const piece = crypto.getRandomValues(new Uint8Array(65536));

function source(length) {
  let left = length;
  return new ReadableStream({
    pull(controller) {
      const chunk = new Uint8Array(Math.min(MiB, left));
      for (let at = 0; at < chunk.length; at += piece.length) chunk.set(piece, at);
      left -= chunk.length;
      controller.enqueue(chunk);
      if (left === 0) controller.close();
    },
  }, { highWaterMark: 0 });
}

// In place of \`file.stream()\`, whose pieces Chromium collects late, whoever reads them: see the last test.
const slices = (file, at = 0) =>
  new ReadableStream({
    async pull(controller) {
      const piece = file.slice(at, (at += MiB));
      if (piece.size > 0) controller.enqueue(new Uint8Array(await piece.arrayBuffer()));
      else controller.close();
    },
  }, { highWaterMark: 0 });

async function count(stream) {
  let [length, wrong] = [0, 0];
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return wrong === 0 ? length : -1;
    for (const at of [0, value.length - 1]) wrong += value[at] !== piece[(length + at) % piece.length];
    length += value.length;
  }
}

globalThis.large = {
  async ready() {
    const regrant = await Regrant.open({ application: "regrant", name: "large" });
    alice = await regrant.connect({ login: "alice", vaultSecret });
    await this.seal(8 * MiB);
    await this.open();
  },
  async seal(length) {
    const { transform, sealedLength } = await alice.encryptStream({ length });
    // Into a file of the origin's own, which takes pieces as fast as the disk does: Blobs made faster than the browser takes
    // them over wait in the page, and may be lost.
    const file = await (await navigator.storage.getDirectory()).getFileHandle("sealed", { create: true });
    await source(length).pipeThrough(transform).pipeTo(await file.createWritable());
    this.sealed = await file.getFile();
    if (this.sealed.size !== sealedLength) throw new Error("not as long as was said");
  },
  async open() {
    return count(slices(this.sealed).pipeThrough(alice.decryptStream()));
  },
  async openStream() {
    return count(this.sealed.stream().pipeThrough(alice.decryptStream()));
  },
  async readPlainly() {
    let length = 0;
    for (const reader = this.sealed.stream().getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return length;
      length += value.length;
    }
  },
  async keep(length) {
    // The browser keeps the parts of a Blob outside of the page.
    const mebibyte = new Blob(Array(16).fill(piece));
    const { id } = await alice.store(new Blob(Array(length / MiB).fill(mebibyte)));
    return id;
  },
  async read(id, range) {
    const { stream } = await alice.retrieve(id, { range });
    return range ? (await new Response(stream).arrayBuffer()).byteLength : count(stream);
  },
};
`;

const made = {};
before(async () => {
  made.scratch = await scratch();
  const packed = await pack(made.scratch.folder);
  const folder = await project(join(made.scratch.folder, "large"), packed.tarball);
  await mkdir(join(folder, "src"));
  await writeFile(join(folder, "index.html"), '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/src/page.js"></script>');
  await writeFile(join(folder, "src/page.js"), PAGE);
  await node(folder, tool("vite/bin/vite.js"), "build", "--logLevel", "error", "--target", "es2022");
  made.site = await serve(join(folder, "dist"));
  // Not a private window, which keeps files and databases in memory.
  made.browser = await launchOnDisk(join(made.scratch.folder, "profile"));
  made.page = await made.browser.newPage();
  made.page.setDefaultTimeout(0);
  await made.page.goto(made.site.address);
  await made.page.waitForFunction(() => globalThis.large);
  await made.page.evaluate(() => globalThis.large.ready());
});
after(async () => {
  await made.browser?.close();
  await made.site?.close();
  await made.scratch?.remove();
});

/** The resident memory of the process that runs the page, in bytes. */
async function resident() {
  const session = await made.browser.browser().newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const pages = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => Number(readFileSync(`/proc/${id}/status`, "utf8").match(/^VmRSS:\s+(\d+)/m)?.[1] ?? 0) * 1024);
  return Math.max(...pages);
}

/** Runs `work` and gives its outcome, and how far the memory rose above what it was at rest. */
async function watched(work) {
  const rest = await resident();
  let most = rest;
  let running = true;
  const watching = (async () => {
    while (running) {
      most = Math.max(most, await resident());
      await new Promise((done) => setTimeout(done, 50));
    }
  })();
  try {
    return { outcome: await work(), above: most - rest };
  } finally {
    running = false;
    await watching;
  }
}

const skip = process.platform === "linux" ? false : "the memory of a process is read from /proc";

test("a gibibyte is encrypted and decrypted as a stream within 100 MiB", { skip }, async () => {
  const sealed = await watched(() => made.page.evaluate((length) => globalThis.large.seal(length), GiB));
  const { outcome, above } = await watched(() => made.page.evaluate(() => globalThis.large.open()));
  assert.equal(outcome, GiB);
  console.log(`# sealed: ${Math.round(sealed.above / MiB)} MiB, opened: ${Math.round(above / MiB)} MiB above rest`);
  assert.ok(sealed.above < 100 * MiB, `sealing: ${Math.round(sealed.above / MiB)} MiB above rest`);
  assert.ok(above < 100 * MiB, `opening: ${Math.round(above / MiB)} MiB above rest`);
});

test("a gibibyte is stored, and read back, within 100 MiB", { skip }, async () => {
  const stored = await watched(() => made.page.evaluate((length) => globalThis.large.keep(length), GiB));
  assert.ok(stored.above < 100 * MiB, `storing: ${Math.round(stored.above / MiB)} MiB above rest`);
  const id = stored.outcome;
  assert.equal(await made.page.evaluate((id) => globalThis.large.read(id, [700_000_000, 700_001_000]), id), 1000);
  const { outcome, above } = await watched(() => made.page.evaluate((id) => globalThis.large.read(id), id));
  assert.equal(outcome, GiB);
  assert.ok(above < 100 * MiB, `reading: ${Math.round(above / MiB)} MiB above rest`);
  console.log(`# stored: ${Math.round(stored.above / MiB)} MiB, read: ${Math.round(above / MiB)} MiB above rest`);
});

test("what of that is the browser's: its stream of a file, read by nobody but a loop, and opened", { skip }, async () => {
  const plain = await watched(() => made.page.evaluate(() => globalThis.large.readPlainly()));
  assert.ok(plain.outcome > GiB);
  const { outcome, above } = await watched(() => made.page.evaluate(() => globalThis.large.openStream()));
  assert.equal(outcome, GiB);
  console.log(`# file.stream() alone: ${Math.round(plain.above / MiB)} MiB, then opened: ${Math.round(above / MiB)} MiB above that rest`);
});
