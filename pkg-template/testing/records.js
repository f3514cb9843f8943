// What a test relay keeps, in memory, and what its operator does to it. It never lies; `storage.js` does.
import { changesOf } from "../relay/commit.js";
import { Parts, Records } from "../relay/memory.js";

export class Kept {
  records = new Records();
  parts = new Parts();

  keys() {
    return Array.from(this.records.all(), ({ key }) => key).sort();
  }

  /** Makes changes as a commit does that was decided on nothing. */
  change({ writes = [], appends = [] }) {
    this.records.put(changesOf({ writes, appends }, this.records.counter));
  }

  snapshot() {
    const record = ({ key, rev, value, index }) => [key, { rev, value, ...(index && { index }) }];
    const parts = this.parts.items().flatMap((item) => this.parts.names(item).map((name) => [`${item}/${name}`, this.parts.get(item, name)]));
    return { counter: this.records.counter, records: new Map(Array.from(this.records.all(), record)), parts: new Map(parts) };
  }

  /** Numbers the records anew: what is restored is written once more, and no number is ever given twice. */
  restore({ records, parts, counter = 0 }) {
    const reached = Array.from(records.values()).reduce((highest, { rev }) => Math.max(highest, rev), Math.max(counter, this.records.counter));
    [this.records, this.parts] = [new Records(), new Parts()];
    this.records.counter = reached;
    this.change({ writes: Array.from(records, ([key, { value, index }]) => ({ key, value, index })) });
    for (const [place, bytes] of parts) this.parts.set(...place.split("/"), bytes);
  }
}
