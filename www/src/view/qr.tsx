// A QR code, drawn as one path. The library that makes it is loaded when a code is first shown.
import { useEffect, useState } from "preact/hooks";

/** Light modules around the code, which scanners need. */
const QUIET = 4;

export function Qr({ text, label }: { text: string; label: string }) {
  const [drawn, setDrawn] = useState<{ path: string; size: number }>();
  useEffect(() => {
    let late = false;
    void import("uqr").then(({ encode }) => {
      const { data, size } = encode(text, { ecc: "M", border: QUIET });
      const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join("");
      if (!late) setDrawn({ path, size });
    });
    return () => {
      late = true;
    };
  }, [text]);
  if (!drawn) return null;
  // Dark on light in either colour scheme: not every scanner reads the inverse.
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${drawn.size} ${drawn.size}`} shape-rendering="crispEdges">
      <rect width={drawn.size} height={drawn.size} fill="#fff" />
      <path d={drawn.path} fill="#000" />
    </svg>
  );
}
