// Bytes as they are: sixteen to a line, in hexadecimal and as text.

const PER_LINE = 16;
/** More than anybody reads; the rest is counted. */
export const SHOWN = 2048;

export function Hex({ bytes, label }: { bytes: Uint8Array; label: string }) {
  const rest = bytes.length - SHOWN;
  return (
    <>
      <pre class="hex" tabIndex={0} aria-label={label}>{dump(bytes.subarray(0, SHOWN))}</pre>
      {rest > 0 && <p class="hint">and {rest.toLocaleString("en")} bytes more</p>}
    </>
  );
}

/** `00000010  52 47 52 31 …  RGR1…`, what is no ASCII as a dot. */
function dump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += PER_LINE) {
    const line = bytes.subarray(at, at + PER_LINE);
    const pairs = Array.from(line, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = Array.from(line, (byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${pairs.padEnd(PER_LINE * 3)} ${text}`);
  }
  return lines.join("\n");
}
