// A connected person's key: its version, its fingerprint, and the code by which others recognise it.
import { useState } from "preact/hooks";
import type { Graph } from "../model/graph.js";
import { renewOwn } from "../model/groups.js";
import type { Person } from "../model/person.js";
import { Button, FailureAt } from "./parts.js";
import { Qr } from "./qr.js";

export function KeyBlock({ person, graph }: { person: Person; graph: Graph }) {
  const key = person.key.value;
  const code = person.code.value;
  const busy = person.work.doing.value !== null;
  if (!key) return null;
  return (
    <section class="key" aria-label={`Keys of ${person.who.short}`}>
      <p>
        <span class="badge">Keys, version {key.version}</span>{" "}
        <span class="quiet">
          fingerprint <code title={key.fingerprint}>{key.fingerprint.slice(0, 16)}…</code>
        </span>
      </p>
      {code && <VerificationCode code={code} payload={person.payload.value} open={person.anew.value !== undefined} />}
      <div class="row">
        <Button busy={busy} onPress={() => person.lock()}>Lock</Button>
        <Button busy={busy} onPress={() => person.disconnect()}>Disconnect</Button>
        <Button busy={busy} onPress={() => renewOwn(graph, person)}>Renew the keys</Button>
        <Button busy={busy} kind="danger" onPress={() => person.loseKeys()}>Lose the keys</Button>
      </div>
      <FailureAt work={person.work} place="device" />
    </section>
  );
}

/** Six groups of digits, to be read out; unfolded once the keys are new, because then somebody will ask. */
function VerificationCode({ code, payload, open: unfolded }: { code: string; payload: string | null; open: boolean }) {
  const [copied, setCopied] = useState("");
  const [open, setOpen] = useState(unfolded);
  const copy = async (text: string) => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied("Copied.");
    } catch {
      setCopied("This browser does not let the page copy: select the code.");
    }
  };
  return (
    <details open={open} class="fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>My verification code</summary>
      <p class="digits">{code}</p>
      {open && payload && <Qr text={payload} label="QR code of my verification code" />}
      <p class="hint">Read it out to somebody who knows your voice, or have it scanned: it proves that these keys are yours.</p>
      <div class="row">
        <Button onPress={() => copy(code)}>Copy the code</Button>
        {payload && <Button onPress={() => copy(payload)}>Copy what the QR code says</Button>}
        <span role="status">{copied}</span>
      </div>
    </details>
  );
}
