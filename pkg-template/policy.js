// An application's own say in whose keys are relied on. It may answer at once, later, wrongly or never: whatever is not a
// clear yes is a no, and nothing waits for ever.
import { badInput, report } from "./errors.js";
import { own } from "./input.js";

/** How long a policy has for its answer, in milliseconds. */
const PATIENCE = 30_000;

/** What the core asks: a promise of `true` or `false` for each question. */
export function deciding(policy) {
  return async (question) => {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, PATIENCE, "late");
    });
    try {
      const { offered, history, pinned, ...rest } = own(question);
      const asked = { ...rest, offered, history, ...(pinned === undefined ? {} : { pinned }) };
      const answer = await Promise.race([policy(asked), late]);
      if (answer === "trust" || answer === true) return true;
      if (answer !== "refuse" && answer !== false) {
        throw badInput(answer === "late" ? "the trust policy did not answer within 30 seconds" : 'a trust policy answers "trust" or "refuse"');
      }
      return false;
    } catch (error) {
      report(error);
      return false;
    } finally {
      clearTimeout(timer);
    }
  };
}
