// Runs in the page: hands the runner a function for each bench, and an outcome for each that it asks for.
import { benches } from "./benches.mjs";

/** Half of the values are above. */
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

async function timed(work) {
  const begun = performance.now();
  const undo = await work();
  const took = performance.now() - begun;
  if (typeof undo === "function") await undo();
  return took;
}

/** Both sides in turn, so that whatever else the machine does hits both. */
async function run(name) {
  const { prepare, rounds, target, most, scale = 1, note } = benches[name];
  const { ours, plain, finish } = await prepare();
  await ours();
  await plain();
  const [mine, theirs] = [[], []];
  for (let round = 0; round < rounds; round++) {
    mine.push(await timed(ours));
    theirs.push((await timed(plain)) * scale);
  }
  await finish?.();
  const [ms, plainMs] = [median(mine), median(theirs)];
  return { name, ms, plainMs, ratio: plainMs / ms, target, most, note };
}

globalThis.bench = { names: Object.keys(benches), run };
