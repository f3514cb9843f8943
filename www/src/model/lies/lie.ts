// One lie: what the relay does, what is then asked of the client, what it answers, and what the answers mean.
import type { Acts } from "regrant/testing";
import { codeOf } from "../work.js";

/** A call of the package's, and what it came to. */
export interface Answer {
  call: string;
  /** What it gave, or the code and message that it refused with. */
  answer: string;
  code?: string;
  /** Whether that is what an honest client has to say. */
  right: boolean;
}

export interface Lie {
  title: string;
  act: keyof Acts;
  /** What the relay does, and what for. */
  does: string;
  /** What it comes to, if the answers were right. */
  means: string;
  /** In a word or two. `withstood`: it is not found out, and gains nothing. */
  verdict: "caught" | "withstood";
  play(log: Log): Promise<void>;
}

/** Notes what is asked and answered, whatever it is. */
export class Log {
  readonly answers: Answer[] = [];

  /** A call that has to be refused, with one of these codes. */
  async refused(call: string, asked: Promise<unknown>, ...codes: string[]): Promise<void> {
    try {
      const given = await asked;
      this.answers.push({ call, answer: given === undefined ? "accepted" : `accepted: ${short(given)}`, right: false });
    } catch (error) {
      const code = codeOf(error) ?? "";
      const message = error instanceof Error ? error.message : String(error);
      this.answers.push({ call, code, answer: message, right: codes.includes(code) });
    }
  }

  /** A call that has to give something. */
  async gives(call: string, asked: Promise<unknown>, right: (given: any) => boolean): Promise<void> {
    try {
      const given = await asked;
      this.answers.push({ call, answer: short(given), right: right(given) });
    } catch (error) {
      const code = codeOf(error) ?? "";
      this.answers.push({ call, code, answer: error instanceof Error ? error.message : String(error), right: false });
    }
  }
}

function short(given: unknown): string {
  const text = typeof given === "string" ? given : JSON.stringify(given);
  return text === undefined ? "done" : text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
