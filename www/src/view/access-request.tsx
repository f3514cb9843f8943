// Somebody has new keys and asks for access back: the code is compared first.
import { useState } from "preact/hooks";
import type { Notification } from "regrant";
import type { Graph } from "../model/graph.js";
import { asksFor, type Person } from "../model/person.js";
import { dismiss, giveBack } from "../model/sharing.js";
import { Button, FailureAt, Field } from "./parts.js";
import { Scan } from "./scan.js";

interface Props {
  person: Person;
  graph: Graph;
  request: Notification;
}

export function AccessRequest({ person, graph, request }: Props) {
  const [code, setCode] = useState("");
  const busy = person.work.doing.value !== null;
  const asks = graph.nameOf(asksFor(request));
  const shown = graph.people.find(({ who }) => who.login === asksFor(request))?.code.value;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!busy) void giveBack(person, request, code);
  };
  return (
    <section class="request" aria-label={`Notification to ${person.who.short}: ${asks} has new keys`}>
      <h3>{asks} has new keys</h3>
      <p>
        Compare the code before you give access back. Anybody could claim to be {asks}: call, and let {asks} read out the
        verification code.
      </p>
      <form onSubmit={submit}>
        <Field label={`Code that ${asks} reads out`} value={code} onInput={setCode} code hint="Six groups of five digits, or what the QR code says. Change a digit and see." />
        <Scan onRead={setCode} />
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
