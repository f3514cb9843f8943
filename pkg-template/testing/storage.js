// The storage over which the rules of a test relay run: it stops when it is told to, and says what some act (acts.js)
// makes of the truth.
import { changesOf, isStillSo, questionsOf } from "../relay/commit.js";
import { Stopped } from "./faults.js";

export class TestStorage {
  #kept;
  #faults;
  /** The acts that are being committed. */
  lies = new Set();
  /** Milliseconds before each answer. */
  delay = 0;

  /**
   * @param {import("./records.js").Kept} kept
   * @param {import("./faults.js").Faults} faults
   */
  constructor(kept, faults) {
    [this.#kept, this.#faults] = [kept, faults];
  }

  async read(questions) {
    await this.#wait();
    return questions.map((question) => this.#answer(question));
  }

  async commit(commit) {
    await this.#wait();
    return this.#faults.write(() => {
      // Held against what was told: who is lied to consistently goes on.
      if (!isStillSo(commit, questionsOf(commit).map((question) => this.#answer(question)))) return false;
      const { records } = this.#kept;
      records.put(changesOf(commit, records.counter));
      return true;
    });
  }

  async putParts(item, parts) {
    await this.#wait();
    return this.#faults.write(() => {
      for (const [name, bytes] of parts) this.#kept.parts.set(item, name, bytes);
    });
  }

  async getParts(item, names) {
    await this.#wait();
    return names.map((name) => this.#told({ item, name }, this.#kept.parts.get(item, name)));
  }

  async countParts(item) {
    await this.#wait();
    return this.#kept.parts.names(item).length;
  }

  async dropParts(item) {
    await this.#wait();
    return this.#faults.write(() => this.#kept.parts.drop(item));
  }

  async #wait() {
    if (this.delay > 0) await new Promise((done) => setTimeout(done, this.delay));
    this.#faults.read();
    for (const lie of this.lies) if (lie.refuse) throw new Stopped(lie.refuse);
  }

  #answer(question) {
    const truth = this.#kept.records.answer(question);
    if (question.record !== undefined) return this.#told({ key: question.record }, truth);
    if (!Array.isArray(truth)) return truth;
    return truth.flatMap((row) => {
      // Of a list of names, too, it is said what records an act leaves of it.
      const record = row.value === undefined ? this.#kept.records.answer({ record: row.key }) : row;
      const told = this.#told({ key: row.key, name: row.name ?? row.key, listed: true }, record);
      if (told === undefined) return [];
      return [{ ...row, ...told, value: row.value === undefined ? undefined : told.value }];
    });
  }

  /** What is answered for a record or a part: what is there, unless some act says otherwise. */
  #told(what, truth) {
    let told = truth;
    for (const { tell } of this.lies) if (tell) told = tell(what, told);
    return told;
  }
}
