// All encrypted files that the page keeps, as one person sees them.
import type { Person } from "../model/person.js";
import { FileCard } from "./file-card.js";

export function FileList({ person, other }: { person: Person; other: Person }) {
  const files = person.shelf.files.value;
  const mine = files.filter(({ owner }) => owner === person.who.login);
  const theirs = files.filter(({ owner }) => owner !== person.who.login);
  return (
    <>
      <h3>Files of {person.who.short}</h3>
      {mine.length === 0 && <p class="quiet">None yet.</p>}
      <ul class="files">
        {mine.map((kept) => <li key={kept.id}><FileCard person={person} other={other} kept={kept} /></li>)}
      </ul>
      {theirs.length > 0 && (
        <>
          <h3>Files from {other.who.short}</h3>
          <ul class="files">
            {theirs.map((kept) => <li key={kept.id}><FileCard person={person} other={other} kept={kept} /></li>)}
          </ul>
        </>
      )}
    </>
  );
}
