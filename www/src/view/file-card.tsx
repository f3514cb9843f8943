// One encrypted file in one person's panel: what it is to this person, and what can be done with it.
import type { Graph } from "../model/graph.js";
import { list } from "../model/groups.js";
import type { Person } from "../model/person.js";
import type { Kept } from "../model/shelf.js";
import type { Sight } from "../model/sight.js";
import { previewRevoke, share, type Party } from "../model/sharing.js";
import { Ciphertext } from "./ciphertext.js";
import { OpenedFile } from "./opened-file.js";
import { Button, FailureAt, Short, bytes } from "./parts.js";
import { Readers } from "./readers.js";
import { RevokeForm } from "./revoke-form.js";

interface Props {
  person: Person;
  graph: Graph;
  kept: Kept;
}

export function FileCard({ person, graph, kept }: Props) {
  const sight = person.sights.value.get(kept.id) ?? { state: "asking" };
  const busy = person.work.doing.value !== null;
  const name = sight.state === "readable" ? sight.name : "Encrypted file";
  const verb = sight.state === "closed" ? "Try to open" : "Open";
  const mine = kept.owner === person.who.login;
  const opened = person.opened.value.get(kept.id);
  return (
    <article class="file" aria-label={name} data-state={sight.state}>
      <h4 tabIndex={-1}>{name}</h4>
      <p class="quiet">
        {bytes(kept.size)}, encrypted · id <Short of={kept.id} />
      </p>
      <Access sight={sight} person={person} graph={graph} mine={mine} />
      <div class="row">
        {opened && <Button onPress={() => person.close(kept.id)} label={`Close ${name}`}>Close</Button>}
        {!opened && sight.state !== "locked" && (
          <Button
            busy={busy}
            kind={sight.state === "readable" ? "main" : "plain"}
            onPress={() => person.open(kept)}
            label={`${verb} ${name}`}
          >
            {verb}
          </Button>
        )}
        {mine && sight.state === "readable" &&
          parties(graph, person).map((party) => (
            <Sharing
              key={party.login}
              person={person}
              kept={kept}
              party={party}
              given={sight.readers.some(({ login, path }) => login === party.login && path.length <= 1)}
            />
          ))}
      </div>
      <FailureAt work={person.work} place={kept.id} />
      <RevokeForm person={person} graph={graph} kept={kept} />
      {opened && <OpenedFile opened={opened} graph={graph} by={`opened by ${person.who.short}, ${kept.id.slice(0, 4)}`} />}
      {sight.state === "readable" && (
        <details class="fold">
          <summary>Who can read it, and why</summary>
          <Readers graph={graph} kept={kept} readers={sight.readers} />
        </details>
      )}
      <Ciphertext shelf={person.shelf} kept={kept} />
    </article>
  );
}

/** Who can read it, or that this person cannot. */
function Access({ sight, person, graph, mine }: { sight: Sight; person: Person; graph: Graph; mine: boolean }) {
  switch (sight.state) {
    case "asking":
      return <p class="access">Asking who can read it…</p>;
    case "locked":
      return <p class="access">Locked: unlock to read it.</p>;
    case "readable":
      return <p class="access yes">Can be read by {list(sight.readers.map((reader) => graph.nameOf(reader.login)))}</p>;
    case "closed":
      return (
        <p class="access no">
          {sight.failure.code === "ERR_NO_ACCESS"
            ? `No access: ${mine ? `${person.who.short}'s present keys do not open it.` : `it is not shared with ${person.who.short}.`}`
            : sight.failure.message}{" "}
          {sight.failure.code && <code>{sight.failure.code}</code>}
        </p>
      );
  }
}

/** With whom a person can share: whoever else is on the page, and groups. */
function parties(graph: Graph, person: Person): Party[] {
  const people = graph.people.filter((other) => other !== person && other.present.value);
  return [...people.map(({ who }) => ({ login: who.login, name: who.short })), ...graph.groups.value];
}

interface SharingProps {
  person: Person;
  kept: Kept;
  party: Party;
  /** Whether the file was given to this very party: who reads it through a group has nothing that could be taken. */
  given: boolean;
}

function Sharing({ person, kept, party, given }: SharingProps) {
  const busy = person.work.doing.value !== null;
  if (!given) return <Button busy={busy} onPress={() => share(person, kept, party)}>Share with {party.name}</Button>;
  if (person.reports.value.get(kept.id)?.login === party.login) return null;
  return <Button busy={busy} onPress={() => previewRevoke(person, kept, party)}>Take access from {party.name}…</Button>;
}
