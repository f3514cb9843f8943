// The guided story: which step it is, what it says, its one button; and below, what each side sees, as it happens.
import { useId, useRef } from "preact/hooks";
import { CHAPTERS } from "../model/chapters.js";
import type { Story } from "../model/story.js";
import { useFocusKept } from "./focus.js";
import { Button } from "./parts.js";
import { Stage } from "./stage.js";

export function StoryView({ story }: { story: Story }) {
  const section = useRef<HTMLElement>(null);
  useFocusKept(section);
  const at = story.at.value;
  const chapter = story.chapter.value;
  const outcome = story.outcome.value;
  const next = CHAPTERS[at + 1];
  const failure = story.failure.value;
  const { people } = story.demo;
  const doing = people.flatMap(({ who, work }) => (work.doing.value ? [`${who.short}: ${work.doing.value}`] : [])).join(" ");
  const label = outcome === null ? chapter?.button : next ? `Next: ${next.title}` : "To the end of the story";
  return (
    <section class="story" ref={section} aria-label="The story">
      <ol class="steps" aria-label="Steps of the story">
        {CHAPTERS.map(({ title }, number) => (
          <li key={title} data-state={number < at ? "done" : number === at ? "now" : "later"} aria-current={number === at ? "step" : undefined}>
            <span>{title}</span>
          </li>
        ))}
      </ol>
      <div class="step">
        <div class="said" role="status" aria-label="The story">
          <p class="count">{chapter ? `Step ${at + 1} of ${CHAPTERS.length}` : "The end"}</p>
          <h2 tabIndex={-1}>{chapter?.title ?? "The key was lost, the data was not"}</h2>
          {chapter ? <p>{chapter.before}</p> : <End />}
          {story.aside.value && <p class="outcome refused">{story.aside.value}</p>}
          {outcome !== null && <p class="outcome">{outcome}</p>}
        </div>
        {at === 0 && outcome === null && <Note story={story} />}
        {chapter && (
          <div class="row">
            <Button kind="main" busy={story.working.value} onPress={() => story.press()}>{label}</Button>
            {chapter.aside && outcome === null && (
              <Button busy={story.working.value} onPress={() => story.tryAside()}>{chapter.aside.button}</Button>
            )}
            <p class="status" role="status" aria-label="What goes on" data-busy={story.working.value}>{story.working.value ? doing : ""}</p>
          </div>
        )}
        {chapter && (
          <details class="fold" key={at}>
            <summary>The calls behind this step</summary>
            <pre tabIndex={0}>{chapter.code}</pre>
          </details>
        )}
        <div role="alert" class="alert">
          {failure && (
            <p class="failure">
              {failure.message}. You can go on in free play, or start over below.
              {failure.code && <code>{failure.code}</code>}
            </p>
          )}
        </div>
      </div>
      <Stage story={story} about={chapter?.about ?? []} />
    </section>
  );
}

function Note({ story }: { story: Story }) {
  const id = useId();
  return (
    <div class="field note-text">
      <label for={id}>Alice's note</label>
      <textarea id={id} rows={2} spellcheck={false} value={story.text.value} onInput={(event) => (story.text.value = event.currentTarget.value)} />
    </div>
  );
}

function End() {
  return (
    <>
      <p>
        That was real cryptography, done by the package in this page; the three people met at a relay that learnt
        nothing of what they wrote. Everything is still there:
      </p>
      <ul class="ways">
        <li><a href="#play">Play freely</a> with the same people: files of your own, groups, every way to lose a key.</li>
        <li><a href="#relay">Read what the relay was sent</a>, byte by byte.</li>
        <li><a href="#lies">Let the relay lie</a>, and see it caught.</li>
      </ul>
    </>
  );
}
