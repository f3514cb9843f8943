// Somebody has new keys and asks for access back: the code is compared first.
import { useState } from "preact/hooks";
import type { Notification } from "regrant";
import type { Person } from "../model/person.js";
import { dismiss, giveBack } from "../model/sharing.js";
import { Button, FailureAt, Field } from "./parts.js";

interface Props {
  person: Person;
  other: Person;
  request: Notification;
}

export function AccessRequest({ person, other, request }: Props) {
  const [code, setCode] = useState("");
  const busy = person.work.doing.value !== null;
  const asks = other.who.short;
  const shown = other.code.value;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!busy) void giveBack(person, request, code);
  };
  return (
    <section class="request" aria-label={`Notification: ${asks} has new keys`}>
      <h3>{asks} has new keys</h3>
      <p>
        Compare the code before you give access back. Anybody could claim to be {asks}: call, and let {asks} read out the
        verification code.
      </p>
      <form onSubmit={submit}>
        <Field label={`Code that ${asks} reads out`} value={code} onInput={setCode} code hint="Six groups of five digits. Change one and see." />
        <div class="row">
          <Button submit kind="main" busy={busy}>Compare, and give access back</Button>
          {shown && <Button busy={busy} onPress={() => setCode(shown)}>Fill in from {asks}'s panel</Button>}
          <Button busy={busy} onPress={() => dismiss(person, request)}>Dismiss</Button>
        </div>
      </form>
      <FailureAt work={person.work} place={request.id} />
      <details class="fold">
        <summary>The notification</summary>
        <pre tabIndex={0}>{JSON.stringify(request, null, 2)}</pre>
      </details>
    </section>
  );
}
