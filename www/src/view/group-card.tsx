// One group: its members, and what the person who acts can do with it. What is not allowed, the package refuses.
import { useState } from "preact/hooks";
import type { Exclusion, Fact, Graph } from "../model/graph.js";
import { addMember, exclude, renewGroup, writeNote } from "../model/groups.js";
import type { Person } from "../model/person.js";
import { Button, Choice, FailureAt } from "./parts.js";

export function GroupCard({ graph, person, group }: { graph: Graph; person: Person; group: Fact }) {
  const busy = person.work.doing.value !== null;
  const exclusion = graph.exclusion.value;
  const title = `group-${group.login}`;
  return (
    <article class="card group" aria-labelledby={title}>
      <header class="row">
        <h3 id={title} tabIndex={-1}>{group.name}</h3>
        <span class="badge">Keys, version {group.version}</span>
      </header>
      <p class="quiet">login <code>{group.login}</code></p>
      {exclusion?.group === group.login && <Excluded graph={graph} exclusion={exclusion} />}
      {group.members === null
        ? <p>Who is in it is not shown to {person.who.short}.</p>
        : (
          <ul class="members" aria-label={`Members of ${group.name}`}>
            {group.members.map((member) => (
              <li key={member}>
                <span>{graph.nameOf(member)}</span>
                <Button busy={busy} label={`Exclude ${graph.nameOf(member)} from ${group.name}`} onPress={() => exclude(graph, person, group, member)}>
                  Exclude
                </Button>
              </li>
            ))}
          </ul>
        )}
      <AddMember graph={graph} person={person} group={group} />
      <div class="row">
        <Button busy={busy} label={`Renew the keys of ${group.name}`} onPress={() => renewGroup(graph, person, group)}>Renew the keys</Button>
        <Button busy={busy} label={`Encrypt a note for ${group.name}`} onPress={() => writeNote(graph, person, group)}>Encrypt a note</Button>
      </div>
      <FailureAt work={person.work} place={group.login} />
    </article>
  );
}

function AddMember({ graph, person, group }: { graph: Graph; person: Person; group: Fact }) {
  const others = graph.facts.value.filter(({ login }) => login !== group.login && !group.members?.includes(login));
  const [wanted, setWanted] = useState("");
  const chosen = others.find(({ login }) => login === wanted) ?? others[0];
  if (!chosen) return null;
  return (
    <div class="row add-member">
      <Choice
        label={`Add to ${group.name}`}
        value={chosen.login}
        options={others.map(({ login, name }) => ({ value: login, text: name }))}
        onChoose={setWanted}
      />
      <Button busy={person.work.doing.value !== null} label={`Add ${chosen.name} to ${group.name}`} onPress={() => addMember(graph, person, group, chosen.login)}>
        Add
      </Button>
    </div>
  );
}

/** What an exclusion did, and what shows it. */
function Excluded({ graph, exclusion: { group, excluded, before, after } }: { graph: Graph; exclusion: Exclusion }) {
  const name = graph.nameOf(excluded);
  return (
    <p class="note">
      {name} was excluded: the keys of {graph.nameOf(group)} went from version {before} to version {after}. What {name} could
      read before, {name} may have kept. Encrypt a note now: it is closed to {name}.
    </p>
  );
}
