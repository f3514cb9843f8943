// The way in: a password connects or unlocks, and where it is wrong, begins anew if the person says so.
import { useState } from "preact/hooks";
import type { Person } from "../model/person.js";
import { Button, FailureAt, Field } from "./parts.js";

export function ConnectForm({ person }: { person: Person }) {
  const { who, work } = person;
  const lost = person.lost.value;
  const locked = person.locked.value;
  const [password, setPassword] = useState(who.passwords[lost ? 1 : 0]);
  const busy = work.doing.value !== null;

  const submit = (event: Event) => {
    event.preventDefault();
    if (!busy) void (locked ? person.unlock(password) : person.connect(password));
  };

  return (
    <form class="connect" onSubmit={submit}>
      {lost && (
        <p class="note">
          The keys are gone from this device. The right password would bring them back, but {who.short} forgot it too: a
          new one is filled in.
        </p>
      )}
      <Field
        label="Password"
        value={password}
        onInput={setPassword}
        hint={locked ? "The one that was used to connect." : "Shown, because this is a demonstration. It never leaves this page."}
      />
      <div class="row">
        <Button submit kind="main" busy={busy}>
          {locked ? "Unlock" : "Connect"}
        </Button>
        {locked && <Button busy={busy} onPress={() => person.disconnect()}>Disconnect</Button>}
      </div>
      <FailureAt work={work} place="connect" />
      {person.refused.value && (
        <div class="note">
          <p>
            Are the keys and the password lost for good? Then {who.short} can begin anew with new keys under the password
            above. New files work at once; old ones wait until somebody gives access back.
          </p>
          <Button kind="danger" busy={busy} onPress={() => person.beginAnew(password)}>
            My keys are lost: begin anew
          </Button>
        </div>
      )}
    </form>
  );
}
