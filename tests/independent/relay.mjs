// A directory relay's file, read and written. How a relay keeps records is no part of the protocol.
import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const path = (folder) => join(folder, "relay.jsonl");

/** The file in order: how far its numbers go, and each record as it is there, by its key. */
function read(folder) {
  const rows = new Map();
  let counter = 0;
  const [, ...lines] = readFileSync(path(folder), "utf8").split("\n");
  for (const line of lines.filter((line) => line !== "")) {
    const { from, to, set } = JSON.parse(line);
    // Of two that wrote at the same time the first counts.
    if (from !== counter) continue;
    for (const row of set) row.value === undefined ? rows.delete(row.key) : rows.set(row.key, row);
    counter = to;
  }
  return { rows, counter };
}

/** Every record by its key: `Map` of key to `{ rev, value }`, the value parsed. */
export function readRelay(folder) {
  return new Map(Array.from(read(folder).rows, ([key, { rev, value }]) => [key, { rev, value: JSON.parse(value) }]));
}

const segment = (login) => login.replaceAll("%", "%25").replaceAll("/", "%2F");

/** The names by which a record is found. `exchange` gives an exchange key by its id. */
function names(key, value, exchange) {
  const [kind, id] = key.split("/");
  if (kind === "exchange") {
    const [one, other] = [value.exchange.delegator, value.exchange.delegate].map(segment);
    return [...new Set([`between/${one}/${other}/${id}`, `between/${other}/${one}/${id}`])];
  }
  if (kind !== "grant") return undefined;
  const of = exchange(value.grant.exchange);
  const [from, to] = [of.delegator, of.delegate].map(segment);
  const under = (index, login) => value.grant.entries.map(([item]) => `${index}/${item}/${login}/${id}`);
  return [`got/${to}/${id}`, `given/${from}/${to}/${id}`, ...under("readers", to), ...(from === to ? [] : under("givers", from))];
}

/**
 * Adds or replaces records, all at once. `values`: key to value. `told`: by login, what its log gets: `{ exchange: id }`,
 * `{ grant: id }`.
 */
export function writeRelay(folder, values, told = {}) {
  if (!existsSync(path(folder))) writeFileSync(path(folder), `{"regrant":"relay","format":2,"id":"${randomUUID()}"}\n`);
  const { rows, counter } = read(folder);
  const exchange = (id) => (values[`exchange/${id}`] ?? JSON.parse(rows.get(`exchange/${id}`).value)).exchange;
  let rev = counter;
  const set = Object.entries(values).map(([key, value]) => ({ key, rev: ++rev, value: JSON.stringify(value), index: names(key, value, exchange) }));
  for (const [login, entries] of Object.entries(told)) {
    for (const entry of entries) set.push({ key: `log/${segment(login)}/${String(++rev).padStart(16, "0")}`, rev, value: JSON.stringify(entry) });
  }
  appendFileSync(path(folder), `${JSON.stringify({ by: "independent", from: counter, to: rev, set })}\n`);
}
