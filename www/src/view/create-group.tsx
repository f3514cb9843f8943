// Making a group: its name, its login, and whom it is shared with from the beginning.
import { useState } from "preact/hooks";
import type { Graph } from "../model/graph.js";
import { createGroup, loginFor } from "../model/groups.js";
import type { Person } from "../model/person.js";
import { Button, FailureAt, Field } from "./parts.js";

/** A name to begin with. */
const SAMPLE = "Ward 7";

export function CreateGroup({ graph, person }: { graph: Graph; person: Person }) {
  const [name, setName] = useState(graph.fact(loginFor(SAMPLE)) ? "" : SAMPLE);
  /** `undefined` while it follows the name. */
  const [login, setLogin] = useState<string | undefined>(undefined);
  const [members, setMembers] = useState<ReadonlySet<string>>(new Set([person.who.login]));
  const busy = person.work.doing.value !== null;
  const called = login ?? loginFor(name);

  const toggle = (member: string) => {
    const next = new Set(members);
    if (!next.delete(member)) next.add(member);
    setMembers(next);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    // In the order in which they are shown, and only those who are still there.
    const chosen = graph.facts.value.map((fact) => fact.login).filter((member) => members.has(member));
    if (!(await createGroup(graph, person, name.trim() || called, called, chosen))) return;
    setName("");
    setLogin(undefined);
    setMembers(new Set([person.who.login]));
  };

  return (
    <form class="card" aria-labelledby="create-group-title" onSubmit={submit}>
      <h3 id="create-group-title">Create a group</h3>
      <Field label="Name of the group" value={name} onInput={setName} />
      <Field label="Login of the group" value={called} onInput={setLogin} hint="How it is found. Names and logins are public; members are shown only to those concerned." />
      <fieldset>
        <legend>Members</legend>
        {graph.facts.value.map(({ login: member, name: memberName, kind }) => (
          <label key={member} class="check">
            <input type="checkbox" checked={members.has(member)} onChange={() => toggle(member)} />
            {memberName}
            {kind !== "user" && <span class="quiet">({kind})</span>}
          </label>
        ))}
      </fieldset>
      <div class="row"><Button submit kind="main" busy={busy}>Create the group</Button></div>
      <FailureAt work={person.work} place="create-group" />
    </form>
  );
}
