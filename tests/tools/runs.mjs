// What runs where, before and after a change of the tests: node tests/tools/runs.mjs BEFORE.log AFTER.log
//
// The logs are what `cargo xtask test` printed. Prints the tests that only one of the two ran, and exits with 1 if the
// first ran any that the second did not.
import { readFile } from "node:fs/promises";
import { argv, exit } from "node:process";

/** The names of the tests that ran, each once for each place in which it ran. */
function tests(log) {
  const found = new Map();
  /** The suites that lead to where the log is, for logs that indent. */
  const suites = [];
  let stage = "";
  for (const raw of log.split("\n")) {
    const line = raw.replace(/^\d+ /, "").replace(/^\w+ +│ /, "");
    const begins = line.match(/^== ([^:]+)$/);
    // A page that is built within a stage is none.
    if (begins && begins[1] !== "the page") stage = begins[1];
    const suite = line.match(/^( *)▶ (.+)$/);
    if (suite) suites.splice(suite[1].length / 2, Infinity, suite[2].replace(/ \([\d.]+ ?ms\)$/, ""));
    const test = line.match(/^( *)✔ (.+) \([\d.]+ ?ms\)$/);
    if (test) {
      // Files by their names alone, and without the one that the test is in: they move.
      const path = [...suites.slice(0, test[1].length / 2), test[2].replace(/^[\w-]+(\.test)?\.mjs › /, "").replace(/^\/.*\//, "")];
      // What only says that all within it passed is no test.
      if (suites[path.length - 1] !== path.at(-1)) add(`${stage} › ${path.join(" › ")}`);
    }
    const cargo = line.match(/^test (.+) \.\.\. ok$/);
    if (cargo) add(`${stage} › ${cargo[1].split("::").slice(-3).join("::")}`);
  }
  function add(name) {
    found.set(name, (found.get(name) ?? 0) + 1);
  }
  return found;
}

const [before, after] = await Promise.all(argv.slice(2).map(async (file) => tests(await readFile(file, "utf8"))));
const only = (some, others) => [...some].filter(([name, times]) => (others.get(name) ?? 0) < times).map(([name, times]) => `${name}${times - (others.get(name) ?? 0) > 1 ? ` (${times} times)` : ""}`);
const [gone, come] = [only(before, after), only(after, before)];
for (const [title, names] of [["only before", gone], ["only after", come]]) console.log([`${title}: ${names.length}`, ...names.sort().map((name) => `  ${name}`)].join("\n"));
exit(gone.length > 0 ? 1 : 0);
