// What the relay keeps: its records, read from this browser's database, to be looked through.
import { useEffect, useState } from "preact/hooks";
import type { Demo } from "../model/demo.js";
import { MEANING, readRelay, type RelayKind } from "../model/relay.js";
import { describe } from "../model/work.js";
import { Button, bytes } from "./parts.js";

/** More than this of one kind is more than anybody reads. */
const SHOWN = 25;

export function RelayView({ demo }: { demo: Demo }) {
  const [kinds, setKinds] = useState<RelayKind[]>([]);
  const [failure, setFailure] = useState("");
  const read = async () => {
    try {
      setKinds(await readRelay(demo.relay.storage));
      setFailure("");
    } catch (error) {
      setFailure(describe("relay", error).message);
    }
  };
  // Whatever it was sent is a reason to look again.
  useEffect(() => void read(), [demo.relay.sent.value]);

  const all = kinds.reduce((sum, { records }) => sum + records.length, 0);
  return (
    <section class="relay" aria-labelledby="holds-title">
      <h2 id="holds-title">What the relay keeps</h2>
      <p>
        {all === 0
          ? "Nothing yet: connect somebody."
          : `All that it has written down is here: ${all} records, with logins, public keys and sealed bytes. Beside them it has the encrypted parts of files.`}
      </p>
      <div class="row"><Button onPress={read}>Look again</Button></div>
      {failure && <p class="failure" role="alert">{failure}</p>}
      {kinds.map((kind) => <Kind key={kind.kind} kind={kind} />)}
    </section>
  );
}

function Kind({ kind: { kind, records, bytes: size } }: { kind: RelayKind }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="fold kind" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <code>{kind}</code> {records.length} {records.length === 1 ? "record" : "records"}, {bytes(size)}
        <span class="quiet">{MEANING[kind] ?? ""}</span>
      </summary>
      {open && records.slice(0, SHOWN).map(({ key, revision, json }) => (
        <details key={key} class="fold record">
          <summary><code>{key}</code> <span class="quiet">revision {revision}</span></summary>
          <pre tabIndex={0}>{json}</pre>
        </details>
      ))}
      {open && records.length > SHOWN && <p class="quiet">and {records.length - SHOWN} more</p>}
    </details>
  );
}
