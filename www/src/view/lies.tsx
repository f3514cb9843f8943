// The relay that lies on command: every lie, a button that lets it, and what the client really answered.
import { useEffect, useState } from "preact/hooks";
import type { Trial, Tried } from "../model/lies/run.js";
import { describe } from "../model/work.js";
import { Button } from "./parts.js";

type Run = typeof import("../model/lies/run.js");

const VERDICT = { caught: "caught", withstood: "gains nothing" } as const;

export function Lies() {
  const [run, setRun] = useState<Run>();
  const [failure, setFailure] = useState("");
  useEffect(() => void import("../model/lies/run.js").then(setRun, (error) => setFailure(describe("lies", error).message)), []);
  return (
    <section class="lies" aria-labelledby="lies-title">
      <h2 id="lies-title" tabIndex={-1}>A relay that lies</h2>
      <p>
        The relay is not trusted, so let it lie. Each lie is told in a small world of its own, in memory, to the package as it
        is: what you see are its real answers. Your own story is not touched.
      </p>
      {failure && <p class="failure" role="alert">{failure}</p>}
      {run ? <All run={run} /> : <p class="quiet" role="status">Loading…</p>}
    </section>
  );
}

function All({ run: { GROUPS, ALL, attempt, attemptAll } }: { run: Run }) {
  const states = ALL.map(({ state }) => state.value);
  const tried = states.filter((state): state is Tried => typeof state === "object");
  const wrong = tried.filter(({ right }) => !right).length;
  const busy = states.includes("trying");
  return (
    <>
      <div class="row">
        <Button kind="main" busy={busy} onPress={attemptAll}>Let it tell all {ALL.length} lies</Button>
        <p role="status" aria-label="Lies told">
          {tried.length === 0 ? "" : `${tried.length} of ${ALL.length} told: ${wrong === 0 ? "none was believed." : `${wrong} not answered as it should be.`}`}
        </p>
      </div>
      {GROUPS.map(({ title, trials }) => (
        <section key={title} aria-label={title}>
          <h3>{title}</h3>
          <ul class="trials">
            {trials.map((trial) => <li key={trial.lie.title}><Card trial={trial} busy={busy} attempt={attempt} /></li>)}
          </ul>
        </section>
      ))}
    </>
  );
}

function Card({ trial, busy, attempt }: { trial: Trial; busy: boolean; attempt: Run["attempt"] }) {
  const { lie } = trial;
  const state = trial.state.value;
  const press = state === "trying" ? "Lying…" : state === "untried" ? "Let it" : "Once more";
  return (
    <article class="card" aria-label={lie.title}>
      <header class="row">
        <h4>{lie.title}</h4>
        <span class="verdict-place" role="status" aria-label={`Verdict: ${lie.title}`}>{typeof state === "object" && <Verdict tried={state} verdict={lie.verdict} />}</span>
      </header>
      <p>{lie.does} <code class="quiet">{lie.act}</code></p>
      {typeof state === "object" && <Outcome tried={state} means={lie.means} />}
      <div class="row">
        <Button busy={busy} label={`${press}: ${lie.title}`} onPress={() => attempt(trial)}>{press}</Button>
      </div>
    </article>
  );
}

function Verdict({ tried, verdict }: { tried: Tried; verdict: keyof typeof VERDICT }) {
  return tried.right
    ? <span class="badge" data-state={verdict === "caught" ? "connected" : "locked"}>{VERDICT[verdict]}</span>
    : <span class="badge" data-state="wrong">not as it should be</span>;
}

function Outcome({ tried: { answers, right, failed }, means }: { tried: Tried; means: string }) {
  return (
    <>
      <ul class="answers">
        {answers.map(({ call, answer, code, right }, at) => (
          <li key={at} data-right={right}>
            <code>{call}</code>
            <span>{code && <strong>{code}</strong>} {answer}</span>
          </li>
        ))}
      </ul>
      {failed && <p class="failure">The lie could not be told: {failed}</p>}
      {right
        ? <p>{means}</p>
        : <p class="failure">This is not what the package promises. Please report it, with the answers above.</p>}
    </>
  );
}
