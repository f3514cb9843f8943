// A directory relay's file, read and written. How a relay keeps records is no part of the protocol.
import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const path = (folder) => join(folder, "relay.jsonl");

/** Every record by its key: `Map` of key to `{ rev, value }`, the value parsed. */
export function readRelay(folder) {
  const records = new Map();
  const put = (key, rev, json) => (json === null ? records.delete(key) : records.set(key, { rev, value: JSON.parse(json) }));
  const [, ...lines] = readFileSync(path(folder), "utf8").split("\n");
  for (const line of lines.filter((line) => line !== "")) {
    const { set, batch } = JSON.parse(line);
    for (const [key, rev, json] of set ?? []) put(key, rev, json);
    if (!batch?.every(([key, expected]) => (records.get(key)?.rev ?? 0) === expected)) continue;
    for (const [key, expected, json] of batch) put(key, expected + 1, json);
  }
  return records;
}

/** Adds or replaces records, all in one batch. `values`: key to value. */
export function writeRelay(folder, values) {
  if (!existsSync(path(folder))) writeFileSync(path(folder), `{"regrant":"relay","format":1,"id":"${randomUUID()}"}\n`);
  const there = readRelay(folder);
  const batch = Object.entries(values).map(([key, value]) => [key, there.get(key)?.rev ?? 0, JSON.stringify(value)]);
  appendFileSync(path(folder), `${JSON.stringify({ batch })}\n`);
}

/** The records of log entries for a login, after those that it has; entries as `{ exchange: id }`, `{ grant: id }`. */
export function logged(records, login, entries) {
  const head = records.get(`head/${login}`)?.value ?? 0;
  const rows = entries.map((entry, n) => [`log/${login}/${String(head + n + 1).padStart(16, "0")}`, entry]);
  return Object.fromEntries([...rows, [`head/${login}`, head + entries.length]]);
}
