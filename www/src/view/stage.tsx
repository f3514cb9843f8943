// What everybody sees at this moment, side by side: those who are in the story, and the relay. Nothing can be pressed
// here; it shows the state that the people are really in.
import { useEffect, useState } from "preact/hooks";
import type { Who } from "../model/chapters.js";
import type { NotedRelay } from "../model/noted-relay.js";
import { inWords, tells } from "../model/operations.js";
import { asksFor, type Person } from "../model/person.js";
import { sizeOf } from "../model/sent.js";
import { newestRequests } from "../model/sharing.js";
import type { Kept } from "../model/shelf.js";
import type { Story } from "../model/story.js";
import { bytes } from "./parts.js";
import { Qr } from "./qr.js";

interface Props {
  story: Story;
  about: readonly Who[];
}

export function Stage({ story, about }: Props) {
  const { people, shelf, relay } = story.demo;
  const files = story.files.value.flatMap((id) => shelf.files.value.find((kept) => kept.id === id) ?? []);
  return (
    <div class="stage">
      {people.slice(0, 3).filter((person) => person.present.value).map((person) => (
        <Side key={person.who.login} title={`What ${person.who.short} sees`} lit={about.includes(person.who.login as Who)}>
          <PersonSide person={person} files={files} story={story} />
        </Side>
      ))}
      <Side title="What the relay sees" lit={about.includes("relay")}>
        <RelaySide relay={relay} note={files[0]} />
      </Side>
    </div>
  );
}

function Side({ title, lit, children }: { title: string; lit: boolean; children: preact.ComponentChildren }) {
  return (
    <section class="side" data-lit={lit} aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function PersonSide({ person, files, story }: { person: Person; files: readonly Kept[]; story: Story }) {
  const key = person.key.value;
  if (!person.connected.value) {
    return (
      <p class={person.lost.value ? "gone" : "quiet"}>
        {person.lost.value ? "A new phone without any keys. The old password is forgotten, and no other opens anything." : "Not here yet: no keys on this device."}
      </p>
    );
  }
  const { alice } = story.demo;
  const asked = person !== alice && newestRequests(person).some((request) => asksFor(request) === alice.who.login);
  const comparing = person === alice && story.demo.bob.requests.value.some((request) => asksFor(request) === alice.who.login);
  return (
    <>
      <p class="quiet">{key && `Keys, version ${key.version}`}{person.locked.value && ", locked"}</p>
      {comparing && person.code.value && <Code label="The code of my new keys" code={person.code.value} payload={person.payload.value} />}
      {asked && person.who.login === "bob" && (
        <Asked person={person} alice={alice} />
      )}
      {files.map((kept) => <Letter key={kept.id} person={person} kept={kept} story={story} />)}
    </>
  );
}

/** What the doctor is told: not the code of whom he trusts, but of whatever keys the relay offers him. */
function Asked({ person, alice }: { person: Person; alice: Person }) {
  const [code, setCode] = useState<string>();
  const session = person.session.value;
  const requests = person.requests.value;
  useEffect(() => {
    void session?.trust.verificationCode(alice.who.login).then(setCode, () => setCode(undefined));
  }, [session, requests]);
  return (
    <>
      <p class="told">Told: “Alice has new keys.” Is it she?</p>
      {code && <Code label="The code of the keys that ask" code={code} />}
    </>
  );
}

function Code({ label, code, payload }: { label: string; code: string; payload?: string | null }) {
  return (
    <figure class="code-shown">
      <figcaption>{label}</figcaption>
      {payload && <Qr text={payload} label={`QR code: ${label}`} />}
      <p class="digits">{code}</p>
    </figure>
  );
}

function Letter({ person, kept, story }: { person: Person; kept: Kept; story: Story }) {
  const sight = person.sights.value.get(kept.id);
  const opened = person.opened.value.get(kept.id);
  if (!sight || sight.state === "asking" || sight.state === "locked") return null;
  if (sight.state === "closed") {
    return (
      <div class="letter closed">
        <p class="letter-name">Encrypted file from {story.demo.graph.nameOf(kept.owner)}</p>
        <p>Cannot be opened: no key of {person.who.short}'s fits. <code>{sight.failure.code}</code></p>
      </div>
    );
  }
  return (
    <div class="letter">
      <p class="letter-name">{sight.name}, from {story.demo.graph.nameOf(kept.owner)}</p>
      {opened?.text ? <p class="letter-text">{opened.text}</p> : <p class="quiet">{person.read.value.has(kept.id) ? "Was opened before, and can be again." : "Can be opened; not opened yet."}</p>}
    </div>
  );
}

/** So many of the newest requests that tell something, and so many bytes of the note. */
const NEWEST = 4;
const PEEK = 48;

function RelaySide({ relay, note }: { relay: NotedRelay; note: Kept | undefined }) {
  const sent = relay.sent.value;
  const [peek, setPeek] = useState<Uint8Array>();
  useEffect(() => {
    if (!note) return setPeek(undefined);
    void relay.storage.getParts(note.id, ["0000000001"]).then(([part]) => setPeek(part?.subarray(0, PEEK)));
  }, [note?.id]);
  if (sent.length === 0) return <p class="quiet">Nothing yet.</p>;
  return (
    <>
      <p class="quiet">{sent.length} requests, {bytes(sent.reduce((sum, entry) => sum + sizeOf(entry), 0))} in all</p>
      {peek && (
        <div class="letter closed">
          <p class="letter-name">The note, as the relay has it</p>
          <p class="hex-peek">{Array.from(peek, (byte) => byte.toString(16).padStart(2, "0")).join(" ")} …</p>
        </div>
      )}
      <p class="quiet">The newest that do not only ask:</p>
      <ul class="newest">
        {sent.filter(tells).slice(-NEWEST).reverse().map((entry) => (
          <li key={entry.number}>
            {inWords(entry.operations.map(({ op }) => op))}
            <span class="quiet"> ({bytes(sizeOf(entry))})</span>
          </li>
        ))}
      </ul>
      <p><a href="#relay">Read it all, byte by byte</a></p>
    </>
  );
}
