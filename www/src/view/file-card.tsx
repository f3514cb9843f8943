// One encrypted file in one person's panel: what it is to this person, and what can be done with it.
import type { Person } from "../model/person.js";
import type { Kept } from "../model/shelf.js";
import type { Reader, Sight } from "../model/sight.js";
import { previewRevoke, share } from "../model/sharing.js";
import { Ciphertext } from "./ciphertext.js";
import { OpenedFile } from "./opened-file.js";
import { Button, FailureAt, Short, bytes, nameOf } from "./parts.js";
import { RevokeForm } from "./revoke-form.js";

interface Props {
  person: Person;
  other: Person;
  kept: Kept;
}

export function FileCard({ person, other, kept }: Props) {
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
        {bytes(kept.bytes.length)} encrypted · id <Short of={kept.id} />
      </p>
      <Access sight={sight} person={person} other={other} mine={mine} />
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
        {mine && sight.state === "readable" && <Sharing person={person} other={other} kept={kept} readers={sight.readers} />}
      </div>
      <FailureAt work={person.work} place={kept.id} />
      <RevokeForm person={person} other={other} kept={kept} />
      {opened && <OpenedFile opened={opened} people={[person, other]} />}
      <Ciphertext kept={kept} />
    </article>
  );
}

/** Who can read it, or that this person cannot. */
function Access({ sight, person, other, mine }: { sight: Sight; person: Person; other: Person; mine: boolean }) {
  switch (sight.state) {
    case "asking":
      return <p class="access">Asking who can read it…</p>;
    case "locked":
      return <p class="access">Locked: unlock to read it.</p>;
    case "readable":
      return <p class="access yes">Can be read by {list(sight.readers.map((reader) => nameOf(reader.login, [person, other])))}</p>;
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

function Sharing({ person, other, kept, readers }: Props & { readers: Reader[] }) {
  const busy = person.work.doing.value !== null;
  const shared = readers.some(({ login }) => login === other.who.login);
  if (!shared) return <Button busy={busy} onPress={() => share(person, kept, other)}>Share with {other.who.short}</Button>;
  if (person.reports.value.has(kept.id)) return null;
  return <Button busy={busy} onPress={() => previewRevoke(person, kept, other)}>Take access from {other.who.short}…</Button>;
}

const list = (names: string[]) => new Intl.ListFormat("en").format(names);
