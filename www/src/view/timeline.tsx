// Everything that the relay was sent, as it was sent: what each request told and asked, field by field and byte by byte,
// and whether anything that this page knows in the clear is in there.
import { useEffect, useState } from "preact/hooks";
import type { Demo } from "../model/demo.js";
import { known, type Known } from "../model/known.js";
import type { NotedRelay, Sent } from "../model/noted-relay.js";
import { tells } from "../model/operations.js";
import type { Finding } from "../model/search.js";
import { searchAll, searchOne, sizeOf } from "../model/sent.js";
import { Button, Field, bytes } from "./parts.js";
import { SentOperation, SentParts } from "./sent-operation.js";

/** So many at first; the rest on request. */
const PAGE = 30;

export function Timeline({ demo: { relay } }: { demo: Demo }) {
  const sent = relay.sent.value;
  const [shown, setShown] = useState(PAGE);
  const [asking, setAsking] = useState(false);
  const listed = asking ? sent : sent.filter(tells);
  const latest = listed.slice(-shown).reverse();
  return (
    <section class="timeline" aria-labelledby="timeline-title">
      <h2 id="timeline-title" tabIndex={-1}>What was sent to the relay</h2>
      <p>
        The relay passes keys and notices on between people, and keeps encrypted files. Usually it is a server; here it runs in
        your browser, so that you can look over its shoulder. Every request that tells it something is listed, the newest
        first, and so are those that only ask, if you like: whole, but for the token by which it knows a session again.
      </p>
      <Search relay={relay} />
      {sent.length === 0 && <p class="quiet">Nothing yet: play the story, or connect somebody.</p>}
      {sent.length > 0 && (
        <div class="row">
          <Button onPress={() => setAsking(!asking)}>
            {asking ? "Hide those that only ask" : `Show the ${sent.length - listed.length} that only ask, too`}
          </Button>
        </div>
      )}
      <ol class="sent" reversed aria-label="Requests, newest first">
        {latest.map((entry) => <Entry key={entry.number} entry={entry} relay={relay} />)}
      </ol>
      {listed.length > shown && (
        <div class="row"><Button onPress={() => setShown(shown + PAGE)}>Show {Math.min(PAGE, listed.length - shown)} earlier ones</Button></div>
      )}
    </section>
  );
}

/** Looks through everything at once: for what the page knows, and for what the visitor likes. */
function Search({ relay }: { relay: NotedRelay }) {
  const sent = relay.sent.value;
  const [finding, setFinding] = useState<Finding>();
  const [own, setOwn] = useState("");
  const [hits, setHits] = useState<{ text: string; numbers: number[] }>();
  useEffect(() => {
    let late = false;
    void searchAll(relay, known.value).then(({ finding }) => late || setFinding(finding));
    return () => {
      late = true;
    };
  }, [sent, known.value]);
  const look = async (event: Event) => {
    event.preventDefault();
    if (own.trim() === "") return;
    const wanted: Known = { what: own, bytes: new TextEncoder().encode(own) };
    setHits({ text: own, numbers: (await searchAll(relay, [wanted])).numbers });
  };
  if (sent.length === 0) return null;
  return (
    <div class="card search">
      <p role="status" aria-label="Search for what is secret">{finding && <Found finding={finding} where={`in all ${sent.length} requests`} />}</p>
      <form onSubmit={look}>
        <Field label="Search for something of your own" value={own} onInput={setOwn} hint="Words of your note are not there. A login, such as alice, is: the relay has to know it." />
        <div class="row"><Button submit>Search</Button></div>
      </form>
      <p role="status" aria-label="What your search found">
        {hits && (hits.numbers.length === 0
          ? `“${hits.text}”: not found.`
          : `“${hits.text}”: found in ${hits.numbers.length} ${hits.numbers.length === 1 ? "request" : "requests"}, first in number ${hits.numbers[0]}.`)}
      </p>
    </div>
  );
}

/** What a search came to, in a sentence. */
export function Found({ finding: { bytes: size, wanted, found }, where }: { finding: Finding; where: string }) {
  if (wanted === 0) return <>Nothing to search for yet: this page has seen no password and no file since it was loaded.</>;
  const what = `Searched ${size.toLocaleString("en")} bytes ${where} for ${wanted} ${wanted === 1 ? "thing" : "things"} that this page knows in the clear (passwords, names of files, what is in them), also inside every encoded field: `;
  return found.length === 0
    ? <>{what}<strong class="yes">not found.</strong></>
    : <>{what}<strong class="no">found {found.join(", ")}.</strong></>;
}

function Entry({ entry, relay }: { entry: Sent; relay: NotedRelay }) {
  const [open, setOpen] = useState(false);
  const ops = [...new Set(entry.operations.map(({ op }) => op))];
  const asks = tells(entry) ? "" : "asks: ";
  const what = entry.parts
    ? `${entry.parts.names.length} encrypted ${entry.parts.names.length === 1 ? "part" : "parts"} of a file`
    : `${asks}${ops.join(", ")}`;
  return (
    <li value={entry.number}>
      <details class="fold kind" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span class="number">{entry.number}</span> {what} <span class="size">{bytes(sizeOf(entry))}</span>
          <span class="quiet">{new Date(entry.when).toLocaleTimeString("en-GB")}{entry.during && `, meanwhile ${entry.during.replace(/…$/, "")}`}</span>
        </summary>
        {open && <Contents entry={entry} relay={relay} />}
      </details>
    </li>
  );
}

function Contents({ entry, relay }: { entry: Sent; relay: NotedRelay }) {
  const [finding, setFinding] = useState<Finding>();
  useEffect(() => void searchOne(relay, entry, known.value).then(setFinding), [entry, known.value]);
  return (
    <>
      <p class="searched" role="status">{finding && <Found finding={finding} where="of this request" />}</p>
      <p class="quiet">{entry.token ? "With the token of a session." : "Without a session's token."}</p>
      {entry.operations.map((operation, at) => <SentOperation key={at} operation={operation} />)}
      {entry.parts && <SentParts relay={relay} parts={entry.parts} />}
    </>
  );
}
