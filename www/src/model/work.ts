// What somebody is doing right now, how far it is, how it ended, and where on the page a failure belongs. It knows
// nothing of keys.
import { signal } from "@preact/signals";

/** A failure, to be shown at the place it belongs to. */
export interface Failure {
  place: string;
  /** The stable code, such as `ERR_WRONG_SECRET`; absent for what is not the package's. */
  code?: string;
  message: string;
}

/** For work that may take long: what the package's calls take. */
export interface Course {
  signal: AbortSignal;
  onProgress: (done: number, total?: number) => void;
}

export class Work {
  /** What is going on, in words; `null` when nothing is. */
  readonly doing = signal<string | null>(null);
  readonly failure = signal<Failure | null>(null);
  /** The last thing that was done, for the status line. */
  readonly done = signal("");
  /** How far long work is, in bytes; `null` for all other. */
  readonly progress = signal<{ done: number; total: number } | null>(null);
  #stop = new AbortController();
  #going: Promise<unknown> = Promise.resolve();

  /**
   * Does one thing at a time: while something is going on, another is not begun. What may not get lost waits before, by
   * `ended`.
   *
   * @param place where a failure is shown
   * @param doing what to say meanwhile
   * @param done what to say afterwards
   * @returns whether it was done
   */
  run(place: string, doing: string, done: string, work: (course: Course) => Promise<unknown>): Promise<boolean> {
    if (this.doing.value !== null) return Promise.resolve(false);
    const going = this.#do(place, doing, done, work);
    this.#going = going;
    return going;
  }

  async #do(place: string, doing: string, done: string, work: (course: Course) => Promise<unknown>): Promise<boolean> {
    this.#stop = new AbortController();
    this.doing.value = doing;
    this.failure.value = null;
    this.done.value = "";
    try {
      await work({
        signal: this.#stop.signal,
        onProgress: (sofar, total = sofar) => (this.progress.value = total > LONG ? { done: sofar, total } : null),
      });
      this.done.value = done;
      return true;
    } catch (error) {
      if (this.#stop.signal.aborted) this.done.value = "Stopped.";
      else this.failure.value = describe(place, error);
      return false;
    } finally {
      this.progress.value = null;
      this.doing.value = null;
    }
  }

  /** Resolves when nothing is going on. Somebody else who waited may have begun something by the time it is noticed. */
  async ended(): Promise<void> {
    await this.#going;
  }

  /** Says that something was not done, which was not even begun. */
  fail(place: string, message: string): false {
    this.failure.value = { place, message };
    return false;
  }

  /** Stops long work; a file goes on from there when it is added once more. */
  stop(): void {
    this.#stop.abort();
  }
}

/** Below this many bytes the work is done before anybody could look. */
const LONG = 4 << 20;

/** An error as the page shows it. */
export function describe(place: string, error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  return code === undefined ? { place, message } : { place, code, message };
}

/** The code of a `RegrantError`, or of whatever looks like one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}
