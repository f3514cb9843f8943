// Reading a QR code with the camera, in browsers that can (they have `BarcodeDetector`). In all others there is no button:
// the code is typed or pasted. Pictures stay in this page.
import { useEffect, useRef, useState } from "preact/hooks";
import { describe } from "../model/work.js";
import { Button } from "./parts.js";

/** What browsers that have it call it; TypeScript's library does not know it yet. */
interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}
declare const BarcodeDetector: { new (o: { formats: string[] }): Detector; getSupportedFormats(): Promise<string[]> };

/** Between two looks, in milliseconds. */
const PAUSE = 200;

async function able(): Promise<boolean> {
  if (!("BarcodeDetector" in globalThis) || !navigator.mediaDevices) return false;
  return (await BarcodeDetector.getSupportedFormats()).includes("qr_code");
}

export function Scan({ onRead }: { onRead: (text: string) => void }) {
  const [can, setCan] = useState(false);
  const [on, setOn] = useState(false);
  useEffect(() => void able().then(setCan, () => setCan(false)), []);
  if (!can) return null;
  const read = (text: string) => {
    setOn(false);
    onRead(text);
  };
  return (
    <div class="scan">
      <div class="row">
        <Button expanded={on} onPress={() => setOn(!on)}>{on ? "Stop the camera" : "Scan the QR code"}</Button>
      </div>
      {on && <Camera onRead={read} />}
    </div>
  );
}

function Camera({ onRead }: { onRead: (text: string) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    let over = false;
    let stream: MediaStream | undefined;
    const end = () => stream?.getTracks().forEach((track) => track.stop());
    const watch = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      const screen = video.current;
      // Stopped before the camera was there.
      if (over || !screen) return end();
      screen.srcObject = stream;
      await screen.play();
      const detector = new BarcodeDetector({ formats: ["qr_code"] });
      while (!over) {
        const [found] = await detector.detect(screen);
        if (found && !over) return onRead(found.rawValue);
        await new Promise((done) => setTimeout(done, PAUSE));
      }
    };
    watch().catch((error) => over || setFailure(`The camera cannot be used: ${describe("scan", error).message}`));
    return () => {
      over = true;
      end();
    };
  }, []);
  return (
    <>
      <video ref={video} muted playsInline aria-label="What the camera sees" />
      <p role="alert" class="alert">{failure}</p>
    </>
  );
}
