// Where a visitor is in the guided story. The people in it are those of free play; this remembers only the step.
import { computed, signal, type Signal } from "@preact/signals";
import { CHAPTERS } from "./chapters.js";
import * as database from "./database.js";
import type { Demo } from "./demo.js";
import { describe, type Failure } from "./work.js";

/** What a step works with. */
export interface Scene {
  demo: Demo;
  /** The note, as the visitor writes it. */
  text: Signal<string>;
  /** Ids of the story's files, in the order in which they were written. */
  files: Signal<readonly string[]>;
}

/** What is remembered over a reload. */
interface Note {
  at: number;
  outcome: string | null;
  files: readonly string[];
}

const TEXT = "The new pills work. I sleep again.\nPlease do not tell my employer.";

export class Story implements Scene {
  readonly text = signal(TEXT);
  readonly files = signal<readonly string[]>([]);
  /** Which step, from 0; as many as there are when it is over. */
  readonly at = signal(0);
  /** What came of the step; `null` before its button was pressed. */
  readonly outcome = signal<string | null>(null);
  /** What came of the step's aside. */
  readonly aside = signal<string | null>(null);
  readonly working = signal(false);
  readonly failure = signal<Failure | null>(null);
  readonly chapter = computed(() => CHAPTERS[this.at.value]);

  constructor(readonly demo: Demo) {}

  /** Goes on where a reload broke it off. */
  async resume(): Promise<void> {
    const note = await database.get<Note>("notes", "story");
    if (!note) return;
    this.at.value = note.at;
    this.outcome.value = note.outcome;
    this.files.value = note.files;
  }

  /** Does what the step is about, or goes on to the next. */
  async press(): Promise<void> {
    const chapter = this.chapter.value;
    if (this.working.value || !chapter) return;
    if (this.outcome.value !== null) {
      this.at.value += 1;
      this.outcome.value = null;
      this.failure.value = null;
    } else {
      this.outcome.value = await this.#work(() => chapter.play(this));
    }
    this.aside.value = null;
    const note = { at: this.at.value, outcome: this.outcome.value, files: this.files.value } satisfies Note;
    await database.put("notes", "story", note);
  }

  /** Tries what can be tried before. */
  async tryAside(): Promise<void> {
    const aside = this.chapter.value?.aside;
    if (aside && !this.working.value) this.aside.value = await this.#work(() => aside.play(this));
  }

  async #work(work: () => Promise<string>): Promise<string | null> {
    this.failure.value = null;
    this.working.value = true;
    try {
      return await work();
    } catch (error) {
      this.failure.value = describe("story", error);
      return null;
    } finally {
      this.working.value = false;
    }
  }
}
