// All encrypted files that the page keeps, as one person sees them.
import { Fragment } from "preact";
import type { Graph } from "../model/graph.js";
import type { Person } from "../model/person.js";
import { FileCard } from "./file-card.js";

export function FileList({ person, graph }: { person: Person; graph: Graph }) {
  const files = person.shelf.files.value;
  const mine = files.filter(({ owner }) => owner === person.who.login);
  const others = graph.people.filter((other) => other !== person && files.some(({ owner }) => owner === other.who.login));
  return (
    <>
      <h3>Files of {person.who.short}</h3>
      {mine.length === 0 && <p class="quiet">None yet.</p>}
      <ul class="files">
        {mine.map((kept) => <li key={kept.id}><FileCard person={person} graph={graph} kept={kept} /></li>)}
      </ul>
      {others.map(({ who }) => (
        <Fragment key={who.login}>
          <h3>Files from {who.short}</h3>
          <ul class="files">
            {files
              .filter(({ owner }) => owner === who.login)
              .map((kept) => <li key={kept.id}><FileCard person={person} graph={graph} kept={kept} /></li>)}
          </ul>
        </Fragment>
      ))}
    </>
  );
}
