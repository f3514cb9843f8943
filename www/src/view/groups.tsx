// Groups: who acts, the people who can be called in, making a group, the picture with its table, and one file's readers.
import { useRef } from "preact/hooks";
import type { Demo } from "../model/demo.js";
import type { Graph } from "../model/graph.js";
import type { Person } from "../model/person.js";
import type { Kept } from "../model/shelf.js";
import type { Reader } from "../model/sight.js";
import { CreateGroup } from "./create-group.js";
import { FactsTable } from "./facts-table.js";
import { useFocusKept } from "./focus.js";
import { GroupCard } from "./group-card.js";
import { Button, Choice, FailureAt } from "./parts.js";
import { Picture } from "./picture.js";
import { Readers } from "./readers.js";

export function Groups({ demo }: { demo: Demo }) {
  const { graph, people } = demo;
  const viewer = graph.viewer.value;
  const section = useRef<HTMLElement>(null);
  useFocusKept(section);
  const ready = people.filter((person) => person.ready.value);
  return (
    <section class="groups" ref={section} aria-labelledby="groups-title">
      <h2 id="groups-title" tabIndex={-1}>Groups, and who can read what</h2>
      <p class="lead">
        What is shared with a group is read by all its members, also by those who join later. Whoever is excluded may
        have kept what was read before; what is encrypted from then on is closed to them, because the group's keys are
        renewed.
      </p>
      <Guests people={people} />
      <p class="happened" role="status" aria-label="What happened in the groups">{graph.happened.value}</p>
      {viewer === null
        ? <p class="quiet">Connect somebody: then there is something to show.</p>
        : <>
            <Choice
              label="Look and act as"
              value={viewer.who.login}
              options={ready.map(({ who }) => ({ value: who.login, text: who.name }))}
              onChoose={(login) => (graph.chosen.value = login)}
            />
            <div class="group-work">
              <CreateGroup key={viewer.who.login} graph={graph} person={viewer} />
              {graph.groups.value.map((group) => <GroupCard key={group.login} graph={graph} person={viewer} group={group} />)}
            </div>
            <Seen graph={graph} viewer={viewer} />
          </>}
    </section>
  );
}

/** A file that the viewer can read, with its readers. */
interface Chosen {
  kept: Kept;
  name: string;
  readers: Reader[];
}

/** The picture of the graph and of one file in it, the same in words, and the same as a table. */
function Seen({ graph, viewer }: { graph: Graph; viewer: Person }) {
  const files = viewer.shelf.files.value.flatMap((kept): Chosen[] => {
    const sight = viewer.sights.value.get(kept.id);
    return sight?.state === "readable" ? [{ kept, name: sight.name, readers: sight.readers }] : [];
  });
  const chosen = files.find(({ kept }) => kept.id === graph.file.value) ?? files[0];
  return (
    <>
      <h3>The graph, as {viewer.who.short} sees it</h3>
      {chosen && (
        <Choice
          label="File whose readers are shown"
          value={chosen.kept.id}
          options={files.map(({ kept, name }) => ({ value: kept.id, text: `${name} (${kept.id.slice(0, 4)}), of ${graph.nameOf(kept.owner)}` }))}
          onChoose={(id) => (graph.file.value = id)}
        />
      )}
      <Picture graph={graph} file={chosen} />
      {chosen && (
        <section class="explained" aria-label={`Readers of ${chosen.name}`}>
          <h3>Who can read {chosen.name}, and why</h3>
          <Readers graph={graph} kept={chosen.kept} readers={chosen.readers} />
        </section>
      )}
      <FactsTable graph={graph} viewer={viewer} />
    </>
  );
}

/** People who are not in the story; each comes with a press. */
function Guests({ people }: { people: readonly Person[] }) {
  const guests = people.filter((person) => person.who.guest && !person.present.value);
  if (guests.length === 0) return null;
  return (
    <div class="guests">
      <div class="row">
        {guests.map((person) => (
          <Button key={person.who.login} busy={person.work.doing.value !== null} onPress={() => person.connect(person.who.passwords[0])}>
            Call in {person.who.name}
          </Button>
        ))}
        <span role="status" aria-label="Who is being called in" class="quiet">
          {guests.flatMap(({ who, work }) => (work.doing.value ? [`${who.short}: ${work.doing.value}`] : [])).join(" ")}
        </span>
      </div>
      {guests.map((person) => <FailureAt key={person.who.login} work={person.work} place="connect" />)}
    </div>
  );
}
