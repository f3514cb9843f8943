// The relay that lies on command: which lies there are, which were tried, and what came of them. Loaded when it is first
// shown, as the package's testing part is not needed for anything else.
import { signal, type Signal } from "@preact/signals";
import { ABOUT_DATA } from "./data.js";
import { ABOUT_KEYS } from "./keys.js";
import { Log, type Answer, type Lie } from "./lie.js";

export interface Tried {
  answers: readonly Answer[];
  /** Whether every answer was the right one. */
  right: boolean;
  /** What kept the lie from being tried at all. */
  failed?: string;
}

export interface Trial {
  lie: Lie;
  state: Signal<"untried" | "trying" | Tried>;
}

const trials = (lies: readonly Lie[]): Trial[] => lies.map((lie) => ({ lie, state: signal<"untried" | "trying" | Tried>("untried") }));

export const GROUPS = [
  { title: "About whose keys are whose", trials: trials(ABOUT_KEYS) },
  { title: "About what was sent", trials: trials(ABOUT_DATA) },
];

export const ALL = GROUPS.flatMap(({ trials }) => trials);

export async function attempt({ lie, state }: Trial): Promise<void> {
  if (state.value === "trying") return;
  state.value = "trying";
  const log = new Log();
  try {
    await lie.play(log);
    state.value = { answers: log.answers, right: log.answers.length > 0 && log.answers.every(({ right }) => right) };
  } catch (error) {
    state.value = { answers: log.answers, right: false, failed: error instanceof Error ? error.message : String(error) };
  }
}

/** One after the other. */
export async function attemptAll(): Promise<void> {
  for (const trial of ALL) await attempt(trial);
}
