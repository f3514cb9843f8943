// Free play: everybody's side of the page in full, with a hint what to do next, and groups.
import type { Demo } from "../model/demo.js";
import { nextStep, PARTS, type Step } from "../model/next-step.js";
import { Groups } from "./groups.js";
import { PersonPanel } from "./person-panel.js";

export function Play({ demo }: { demo: Demo }) {
  const step = nextStep(demo);
  return (
    <>
      <h2 class="part-title" tabIndex={-1}>Play freely</h2>
      <NextStep step={step} />
      <div class="panels">
        {demo.people
          .filter((person) => person.present.value)
          .map((person) => (
            <PersonPanel key={person.who.login} person={person} graph={demo.graph} turn={step.turn === person} />
          ))}
      </div>
      <Groups demo={demo} />
    </>
  );
}

function NextStep({ step: { part, text, turn } }: { step: Step }) {
  return (
    <section class="next" aria-labelledby="next-title">
      <h3 id="next-title">Next step</h3>
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
