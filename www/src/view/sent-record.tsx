// One record as it was sent, or parts of a file: field by field, and byte by byte.
import { useEffect, useMemo, useState } from "preact/hooks";
import { fieldsOf } from "../model/fields.js";
import { MEANING, kindOf } from "../model/relay.js";
import type { RelayDatabase, Sent } from "../model/relay-database.js";
import { Hex } from "./hex.js";
import { Choice, bytes } from "./parts.js";

/** Longer values are cut in the table; their bytes are all there. */
const CUT = 48;
const ALL = "all";

export function SentRecord({ write: { key, revision, value } }: { write: Sent["writes"][number] }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="fold record" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <code>{key}</code>{" "}
        <span class="quiet">{value === undefined ? "deleted" : `revision ${revision}, ${bytes(value.length)}`}. {MEANING[kindOf(key)]}</span>
      </summary>
      {open && value !== undefined && <Fields name={key} json={value} />}
    </details>
  );
}

function Fields({ name, json }: { name: string; json: string }) {
  const fields = useMemo(() => fieldsOf(json), [json]);
  const [path, setPath] = useState(ALL);
  const field = fields.find((field) => field.path === path);
  const shown = field?.bytes ?? new TextEncoder().encode(json);
  return (
    <>
      <div class="scroll" tabIndex={0} role="group" aria-label={`Fields of ${name}`}>
        <table class="fields">
          <thead>
            <tr><th scope="col">Field</th><th scope="col">Size</th><th scope="col">Value</th><th scope="col">What it is</th></tr>
          </thead>
          <tbody>
            {fields.map(({ path, text, bytes: size, encoded, meaning }) => (
              <tr key={path}>
                <th scope="row"><code>{path}</code></th>
                <td>{size.length}</td>
                <td><code>{text.length > CUT ? `${text.slice(0, CUT)}…` : text}</code></td>
                <td>{meaning || (encoded ? "bytes" : "")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Choice
        label={`Bytes of ${name}`}
        value={path}
        options={[{ value: ALL, text: "the whole record" }, ...fields.map(({ path, encoded }) => ({ value: path, text: encoded ? `${path}, decoded` : path }))]}
        onChoose={setPath}
      />
      <Hex bytes={shown} label={`Bytes of ${name}`} />
    </>
  );
}

export function SentParts({ relay, parts: { item, names, dropped } }: { relay: RelayDatabase; parts: NonNullable<Sent["parts"]> }) {
  const [name, setName] = useState(names[0] ?? "");
  const [part, setPart] = useState<Uint8Array>();
  useEffect(() => {
    let late = false;
    void relay.getParts(item, [name]).then(([found]) => late || setPart(found));
    return () => {
      late = true;
    };
  }, [item, name]);
  if (dropped) return <p>The parts of <code>{item}</code> were dropped.</p>;
  return (
    <>
      <p class="quiet">Of the file <code>{item}</code>: its name, its type and its contents are in these bytes, encrypted.</p>
      <Choice label="Part" value={name} options={names.map((name) => ({ value: name, text: name }))} onChoose={setName} />
      {part ? <Hex bytes={part} label={`Bytes of part ${name}`} /> : <p class="quiet">This part is not there any more.</p>}
    </>
  );
}
