// How Node's test runner tells of tests here: a line for each with its whole name, and at the very end, after how many
// passed, each failure once more with what is known of it.
import { basename } from "node:path";
import { inspect } from "node:util";

/** The numbers that the runner adds up itself, which `cargo xtask test` reads. */
const NUMBERS = /^(pass|fail|skipped|cancelled|todo) \d+$/;

/** @param {AsyncIterable<{ type: string, data: any }>} source */
export default async function* (source) {
  /** The names that lead to where the runner is, by nesting. */
  const path = [];
  const failures = [];
  const numbers = [];
  for await (const { type, data } of source) {
    if (type === "test:start") {
      path.length = data.nesting;
      path.push(data.name);
    } else if (type === "test:pass" || type === "test:fail") {
      path.length = data.nesting;
      path.push(data.name);
      const name = [...(data.file ? [basename(data.file)] : []), ...path].join(" › ");
      const failed = type === "test:fail";
      // A suite that failed has a test in it that did, unless it did not come to that.
      const own = data.details.error?.failureType !== "subtestsFailed";
      if (failed && own) failures.push({ name, error: data.details.error });
      if (data.details.type === "suite" && !(failed && own)) continue;
      if (failed && !own) continue;
      // Others were asked for.
      if (/name does not match/.test(data.skip)) continue;
      const how = failed ? "✖" : data.skip === undefined ? "✔" : "﹣";
      yield `${how} ${name} (${Math.round(data.details.duration_ms)} ms)\n`;
    } else if (type === "test:stdout" || type === "test:stderr") {
      yield data.message;
    } else if (type === "test:diagnostic" && NUMBERS.test(data.message)) {
      numbers.push(data.message);
    }
  }
  yield `${numbers.join("\n")}\n`;
  if (failures.length === 0) return;
  yield "failing tests:\n";
  for (const { name, error } of failures) yield `\n✖ ${name}\n${inspect(error?.cause ?? error, { depth: 6 })}\n`;
}
