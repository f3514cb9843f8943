// A connected person's key: its version, its fingerprint, and the code by which others recognise it.
import { useState } from "preact/hooks";
import type { Person } from "../model/person.js";
import { Button, FailureAt } from "./parts.js";

export function KeyBlock({ person }: { person: Person }) {
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
      {code && <VerificationCode code={code} open={key.version > 1} />}
      <div class="row">
        <Button busy={busy} onPress={() => person.lock()}>Lock</Button>
        <Button busy={busy} onPress={() => person.disconnect()}>Disconnect</Button>
        <Button busy={busy} kind="danger" onPress={() => person.loseKeys()}>Lose the keys</Button>
      </div>
      <FailureAt work={person.work} place="device" />
    </section>
  );
}

/** Six groups of digits, to be read out; unfolded once the keys are new, because then somebody will ask. */
function VerificationCode({ code, open }: { code: string; open: boolean }) {
  const [copied, setCopied] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code);
      setCopied("Copied.");
    } catch {
      setCopied("This browser does not let the page copy: select the code.");
    }
  };
  return (
    <details open={open} class="fold">
      <summary>My verification code</summary>
      <p class="digits">{code}</p>
      <p class="hint">Read it out to somebody who knows your voice: it proves that these keys are yours.</p>
      <div class="row">
        <Button onPress={copy}>Copy the code</Button>
        <span role="status">{copied}</span>
      </div>
    </details>
  );
}
