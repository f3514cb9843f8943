// Requests that the relay was sent, as things to be searched: operations as text, parts of files as bytes.
import type { Known } from "./known.js";
import type { NotedRelay, Sent } from "./noted-relay.js";
import { Haystack, type Finding } from "./search.js";

/** How many bytes a request had. */
export const sizeOf = ({ operations, parts }: Sent): number => JSON.stringify(operations).length + (parts?.bytes ?? 0);

/** So many parts are read and searched at once: that takes some hundredths of a second. */
const AT_ONCE = 8;

/** What a request had. Parts that were dropped or written over since are not there any more. */
async function* haystacksOf(relay: NotedRelay, { operations, parts }: Sent): AsyncGenerator<Haystack> {
  for (const operation of operations) yield Haystack.ofText(JSON.stringify(operation));
  const names = parts?.names ?? [];
  for (let at = 0; at < names.length; at += AT_ONCE) {
    for (const part of await relay.storage.getParts(parts?.item ?? "", names.slice(at, at + AT_ONCE))) {
      if (part) yield Haystack.ofBytes(part);
    }
  }
}

/** What was looked for in a request before: it does not change, and is not read again for that. */
const before = new WeakMap<Sent, { bytes: number; found: Map<Known, boolean> }>();

/** Searches one request. */
export async function searchOne(relay: NotedRelay, entry: Sent, wanted: readonly Known[]): Promise<Finding> {
  const memory = before.get(entry) ?? { bytes: 0, found: new Map<Known, boolean>() };
  const fresh = wanted.filter((known) => !memory.found.has(known));
  if (fresh.length > 0) {
    memory.bytes = 0;
    for (const known of fresh) memory.found.set(known, false);
    for await (const haystack of haystacksOf(relay, entry)) {
      memory.bytes += haystack.bytes;
      for (const known of fresh) if (haystack.has(known.bytes)) memory.found.set(known, true);
    }
    before.set(entry, memory);
  }
  return { bytes: memory.bytes, wanted: wanted.length, found: wanted.filter((known) => memory.found.get(known)).map(({ what }) => what) };
}

/** Searches all requests, one after the other; `numbers` are those in which something was found. */
export async function searchAll(relay: NotedRelay, wanted: readonly Known[]): Promise<{ finding: Finding; numbers: number[] }> {
  const finding: Finding = { bytes: 0, wanted: wanted.length, found: [] };
  const numbers: number[] = [];
  for (const [at, entry] of relay.sent.peek().entries()) {
    const { bytes, found } = await searchOne(relay, entry, wanted);
    finding.bytes += bytes;
    finding.found = [...new Set([...finding.found, ...found])];
    if (found.length > 0) numbers.push(entry.number);
    // The page breathes in between.
    if (at % 20 === 19) await new Promise((done) => setTimeout(done));
  }
  return { finding, numbers };
}
