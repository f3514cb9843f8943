// Why somebody can read a file, in words: the package says by which path, this says it in a sentence.
import type { Graph } from "./graph.js";
import type { Person } from "./person.js";
import type { Kept } from "./shelf.js";
import type { Reader } from "./sight.js";

export interface Explained {
  login: string;
  name: string;
  because: string;
  /** Until when, in words; nothing for whoever encrypted it. */
  until?: string;
}

/** Each reader, with the way by which the file is theirs. */
export function explain(graph: Graph, kept: Kept, readers: readonly Reader[]): Explained[] {
  return readers.map(({ login, path, until }) => ({
    login,
    name: graph.nameOf(login),
    because: because(graph, kept, login, path),
    ...(login === kept.owner && !until ? {} : { until: until ? `until ${when(until)}` : "until it is taken away" }),
  }));
}

const when = (date: Date) => date.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });

function because(graph: Graph, kept: Kept, login: string, path: readonly string[]): string {
  // In this page only whoever encrypted a file gives access to it.
  const giver = graph.nameOf(kept.owner);
  const name = graph.nameOf(login);
  if (path.length <= 1) return login === kept.owner ? `because ${name} encrypted it` : `because ${giver} gave it to ${name}`;
  const upwards = [...path].reverse();
  const steps = upwards.slice(1).map((next, at) => {
    const who = at === 0 ? `${name} ` : "";
    return `${who}${graph.fact(next)?.kind === "user" ? "can act for" : "is in"} ${graph.nameOf(next)}`;
  });
  return `because ${steps.join(", which ")}, which ${path[0] === kept.owner ? "encrypted it" : `${giver} gave it to`}`;
}

/** People of this page who tried, and cannot read it. */
export function closedTo(graph: Graph, kept: Kept): Person[] {
  return graph.people.filter((person) => person.ready.value && person.sights.value.get(kept.id)?.state === "closed");
}
