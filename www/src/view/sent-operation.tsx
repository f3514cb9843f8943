// One operation as it was sent, or parts of a file: field by field, and byte by byte.
import { useEffect, useMemo, useState } from "preact/hooks";
import type { RelayOperation } from "regrant";
import { fieldsOf } from "../model/fields.js";
import type { NotedRelay, Sent } from "../model/noted-relay.js";
import { MEANING } from "../model/operations.js";
import { Hex } from "./hex.js";
import { Choice, bytes } from "./parts.js";

/** Longer values are cut in the table; their bytes are all there. */
const CUT = 48;
const ALL = "all";

export function SentOperation({ operation }: { operation: RelayOperation }) {
  const [open, setOpen] = useState(false);
  const json = useMemo(() => JSON.stringify(operation), [operation]);
  return (
    <details class="fold record" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <code>{operation.op}</code> <span class="quiet">{bytes(json.length)}. {MEANING[operation.op]}</span>
      </summary>
      {open && <Fields name={operation.op} json={json} />}
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
        options={[{ value: ALL, text: "the whole operation" }, ...fields.map(({ path, encoded }) => ({ value: path, text: encoded ? `${path}, decoded` : path }))]}
        onChoose={setPath}
      />
      <Hex bytes={shown} label={`Bytes of ${name}`} />
    </>
  );
}

export function SentParts({ relay, parts: { item, names } }: { relay: NotedRelay; parts: NonNullable<Sent["parts"]> }) {
  const [name, setName] = useState(names[0] ?? "");
  const [part, setPart] = useState<Uint8Array>();
  useEffect(() => {
    let late = false;
    void relay.storage.getParts(item, [name]).then(([found]) => late || setPart(found));
    return () => {
      late = true;
    };
  }, [item, name]);
  return (
    <>
      <p class="quiet">Of the file <code>{item}</code>: its name, its type and its contents are in these bytes, encrypted.</p>
      <Choice label="Part" value={name} options={names.map((name) => ({ value: name, text: name }))} onChoose={setName} />
      {part ? <Hex bytes={part} label={`Bytes of part ${name}`} /> : <p class="quiet">This part is not there any more.</p>}
    </>
  );
}
