// What anybody without a key sees of a file: bytes, as the relay has them.
import { useEffect, useState } from "preact/hooks";
import type { Kept, Shelf } from "../model/shelf.js";
import { Hex } from "./hex.js";
import { saveAs } from "./parts.js";

const PEEK = 128;

export function Ciphertext({ shelf, kept }: { shelf: Shelf; kept: Kept }) {
  const [open, setOpen] = useState(false);
  const [sealed, setSealed] = useState<Blob>();
  const [peek, setPeek] = useState<Uint8Array>();
  useEffect(() => {
    if (!open) return;
    void shelf.sealed(kept.id).then(async (blob) => {
      setSealed(blob);
      setPeek(new Uint8Array(await blob.slice(0, PEEK).arrayBuffer()));
    });
  }, [open, kept.id]);
  return (
    <details class="fold" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>What a server sees</summary>
      {open && peek && sealed && (
        <>
          <p class="hint">The first {peek.length} of {sealed.size} bytes. The name is in there, too.</p>
          <Hex bytes={peek} label="Encrypted bytes" />
          <button type="button" class="plain" onClick={() => saveAs(sealed, `${kept.id}.regrant`)}>Download encrypted</button>
        </>
      )}
    </details>
  );
}
