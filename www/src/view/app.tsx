// The page: what it is in a sentence, and its four parts, of which one is shown at a time.
import { useEffect, useRef, useState } from "preact/hooks";
import { opened, type Demo } from "../model/demo.js";
import { describe } from "../model/work.js";
import { Lies } from "./lies.js";
import { Play } from "./play.js";
import { RelayView } from "./relay-view.js";
import { StoryView } from "./story-view.js";
import { Timeline } from "./timeline.js";
import { PARTS, usePart } from "./parts-of-page.js";
import { Button } from "./parts.js";

export function App() {
  const state = opened.value;
  return (
    <>
      <header class="top">
        <h1>Lose the key, keep the data</h1>
        <p>
          <strong>regrant</strong> is end-to-end encryption for web pages: no server can read anything, and yet whoever loses
          the key gets access back, from the people the data was shared with. Everything here is real: the keys are made in
          your browser, by the package, and nothing leaves it.
        </p>
      </header>
      {state === null && <p role="status">Loading…</p>}
      {state !== null && "failed" in state && <CannotRun error={state.failed} />}
      {state !== null && "demo" in state && <Parts {...state} />}
    </>
  );
}

function Parts({ demo, story }: Exclude<NonNullable<typeof opened.value>, { failed: unknown }>) {
  const part = usePart();
  const place = useRef<HTMLDivElement>(null);
  const first = useRef(true);
  // Whoever goes to another part is taken to its heading.
  useEffect(() => {
    if (!first.current) place.current?.querySelector<HTMLElement>('h2[tabindex="-1"]')?.focus();
    first.current = false;
  }, [part]);
  return (
    <>
      <nav class="parts-nav" aria-label="Parts of this page">
        {PARTS.map(({ id, name }) => (
          <a key={id} href={`#${id}`} aria-current={part === id ? "page" : undefined}>{name}</a>
        ))}
      </nav>
      <div ref={place}>
        {part === "story" && <StoryView story={story} />}
        {part === "play" && <Play demo={demo} />}
        {part === "lies" && <Lies />}
        {part === "relay" && (
          <>
            <Timeline demo={demo} />
            <RelayView demo={demo} />
          </>
        )}
      </div>
      <StartOver demo={demo} />
    </>
  );
}

function StartOver({ demo }: { demo: Demo }) {
  const [sure, setSure] = useState(false);
  const [failure, setFailure] = useState("");
  const start = () => demo.startOver().catch((error) => setFailure(describe("start-over", error).message));
  return (
    <footer>
      <h2>Start over</h2>
      <p>Deletes all that this page keeps in your browser: keys, files, the relay's records.</p>
      <div class="row">
        {sure
          ? <>
              <Button kind="danger" onPress={start}>Delete everything</Button>
              <Button onPress={() => setSure(false)}>Keep it</Button>
            </>
          : <Button onPress={() => setSure(true)}>Start over…</Button>}
      </div>
      {failure && <p class="failure" role="alert">{failure}</p>}
    </footer>
  );
}

function CannotRun({ error }: { error: unknown }) {
  const { message, code } = describe("page", error);
  return (
    <p class="failure" role="alert">
      This browser cannot run the demo: {message} {code && <code>{code}</code>}
    </p>
  );
}
