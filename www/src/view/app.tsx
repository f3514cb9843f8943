// The page: what it shows, what to do next, the two people, and the relay between them.
import { useState } from "preact/hooks";
import { demo, type Demo } from "../model/demo.js";
import { nextStep, PARTS, type Step } from "../model/next-step.js";
import { describe } from "../model/work.js";
import { Button } from "./parts.js";
import { PersonPanel } from "./person-panel.js";
import { RelayView } from "./relay-view.js";

export function App() {
  const state = demo.value;
  return (
    <>
      <header class="top">
        <h1>Lose the key, keep the data</h1>
        <p>
          <strong>regrant</strong> encrypts files in the page, so that no server can read them. Usually that means: who
          loses the key loses the data. Here two people show another way. Alice shares a file with her doctor, loses her
          keys and forgets her password. She begins anew; the doctor compares a code with her and gives her access back.
          Everything below is real: real keys, made in this page.
        </p>
      </header>
      {state === null && <p role="status">Loading…</p>}
      {state !== null && "failed" in state && <CannotRun error={state.failed} />}
      {state !== null && "alice" in state && <Story demo={state} />}
    </>
  );
}

function Story({ demo }: { demo: Demo }) {
  const { alice, bob } = demo;
  const step = nextStep(demo);
  return (
    <>
      <NextStep step={step} />
      <div class="panels">
        <PersonPanel person={alice} other={bob} turn={step.turn === alice} />
        <PersonPanel person={bob} other={alice} turn={step.turn === bob} />
      </div>
      <RelayView demo={demo} />
      <StartOver demo={demo} />
    </>
  );
}

function NextStep({ step: { part, text, turn } }: { step: Step }) {
  return (
    <section class="next" aria-labelledby="next-title">
      <h2 id="next-title">Next step</h2>
      <div class="next-text">
        <p role="status" aria-label="Next step">{text}</p>
        {turn && <a href={`#${turn.who.login}-name`}>Go to {turn.who.short}</a>}
      </div>
      <ol class="parts" aria-label="Progress">
        {PARTS.map((name, at) => (
          <li key={name} data-state={at + 1 < part ? "done" : at + 1 === part ? "now" : "later"} aria-current={at + 1 === part ? "step" : undefined}>
            {name}
          </li>
        ))}
      </ol>
    </section>
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
