// Comparing codes: the QR code can be read by a program that reads QR codes, what it says is taken in place of the digits,
// and a camera is offered where the browser can read codes, and only there.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { onDemo, picture } from "../tools/demo-page.mjs";

const READER = createRequire(import.meta.url).resolve("jsqr/dist/jsQR.js");

/** What a reader of QR codes sees in the page's picture of one: the picture is drawn, and its pixels read. */
function readQr(svg) {
  return svg.evaluate(async (svg) => {
    const image = new Image();
    const text = new XMLSerializer().serializeToString(svg);
    image.src = URL.createObjectURL(new Blob([text.replace("<svg ", '<svg width="400" height="400" ')], { type: "image/svg+xml" }));
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: 400, height: 400 });
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, 400, 400);
    return globalThis.jsQR(data, width, height)?.data;
  });
}

async function lostAndAnew(demo) {
  await demo.share();
  await demo.alice.loseEverything();
  await demo.bob.request.waitFor();
}

async function byQrCode(demo) {
  const { page, alice, bob } = demo;
  await page.addInitScript({ path: READER });
  await page.reload();
  await lostAndAnew(demo);
  const svg = alice.root.getByRole("img", { name: "QR code of my verification code" });
  await svg.waitFor();
  const payload = await readQr(svg);
  assert.ok(payload, "the QR code can be read");
  await picture(page, "60-qr-code");
  // Chromium reads codes by itself on some systems, and not on Linux.
  const reads = await page.evaluate(() => "BarcodeDetector" in globalThis);
  assert.equal(await bob.request.getByRole("button", { name: "Scan the QR code" }).count(), Number(reads));

  // Bob's own code is not Alice's.
  await bob.root.getByText("My verification code").click();
  const other = bob.root.getByRole("img", { name: "QR code of my verification code" });
  await other.waitFor();
  const field = bob.request.getByLabel("Code that Alice reads out");
  await field.fill(await readQr(other));
  await bob.request.getByRole("button", { name: "Compare, and give access back" }).click();
  await bob.fails("ERR_VERIFICATION_FAILED");
  await field.fill(payload);
  await bob.request.getByRole("button", { name: "Compare, and give access back" }).click();
  await bob.receipt.waitFor();
  await alice.file("blood-pressure.txt").waitFor();
}

/** A browser that has `BarcodeDetector`, and a camera in front of which Alice's code is held. */
async function byCamera(demo) {
  const { page, alice, bob } = demo;
  await page.addInitScript({ path: READER });
  await page.addInitScript(() => {
    globalThis.BarcodeDetector = class {
      static getSupportedFormats = async () => ["qr_code"];
      async detect(video) {
        const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
        const context = canvas.getContext("2d");
        context.drawImage(video, 0, 0);
        const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
        const found = globalThis.jsQR(data, width, height);
        return found ? [{ rawValue: found.data }] : [];
      }
    };
    navigator.mediaDevices.getUserMedia = async () => {
      const svg = document.querySelector("svg.qr");
      const text = new XMLSerializer().serializeToString(svg).replace("<svg ", '<svg width="400" height="400" ');
      const image = new Image();
      image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: 480, height: 480 });
      const draw = () => {
        const context = canvas.getContext("2d");
        context.fillStyle = "#fff";
        context.fillRect(0, 0, 480, 480);
        context.drawImage(image, 40, 40);
      };
      draw();
      setInterval(draw, 50);
      const stream = canvas.captureStream(20);
      globalThis.cameraTracks = stream.getTracks();
      return stream;
    };
  });
  await page.reload();
  await lostAndAnew(demo);
  await alice.root.getByRole("img", { name: "QR code of my verification code" }).waitFor();
  await bob.request.getByRole("button", { name: "Scan the QR code" }).click();
  const field = bob.request.getByLabel("Code that Alice reads out");
  await page.waitForFunction((field) => field.value !== "", await field.elementHandle());
  assert.deepEqual(await page.evaluate(() => globalThis.cameraTracks.map(({ readyState }) => readyState)), ["ended"], "the camera is off again");
  await bob.request.getByRole("button", { name: "Compare, and give access back" }).click();
  await bob.receipt.waitFor();
}

await onDemo(byQrCode, byCamera);
console.log("codes are compared");
