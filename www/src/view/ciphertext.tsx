// What anybody without a key sees of a file: bytes.
import { useMemo } from "preact/hooks";
import type { Kept } from "../model/shelf.js";

const PEEK = 128;
const PER_LINE = 16;

export function Ciphertext({ kept }: { kept: Kept }) {
  const peek = useMemo(() => hex(kept.bytes.subarray(0, PEEK)), [kept]);
  const save = () => {
    const address = URL.createObjectURL(new Blob([kept.bytes], { type: "application/octet-stream" }));
    const link = Object.assign(document.createElement("a"), { href: address, download: `${kept.id}.regrant` });
    link.click();
    // The download has begun by then.
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  return (
    <details class="fold">
      <summary>What a server sees</summary>
      <p class="hint">The first {Math.min(PEEK, kept.bytes.length)} of {kept.bytes.length} bytes. The name is in there, too.</p>
      <pre class="hex" tabIndex={0} aria-label="Encrypted bytes">{peek}</pre>
      <button type="button" class="plain" onClick={save}>Download encrypted</button>
    </details>
  );
}

function hex(bytes: Uint8Array): string {
  const pairs = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  const lines: string[] = [];
  for (let at = 0; at < pairs.length; at += PER_LINE) lines.push(pairs.slice(at, at + PER_LINE).join(" "));
  return lines.join("\n");
}
