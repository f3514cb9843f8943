// The nodes and arrows of the picture, and which of them lie on a way to what was chosen. It draws nothing.
import type { Fact } from "./graph.js";
import type { Reader } from "./sight.js";

/** From whoever can act to whom it is for; the last arrow of a way leads to the file. */
export interface Arrow {
  from: string;
  to: string;
  kind: "member" | "given";
}

export interface Ways {
  nodes: string[];
  arrows: Arrow[];
  /** Arrows by which the file is read, as the package reports the paths. */
  reading: ReadonlySet<string>;
}

/** Where the file is among the nodes; no login looks like it, as logins have no control characters. */
export const FILE = "\u0001file";

export const keyOf = ({ from, to }: { from: string; to: string }) => `${from}\u0001${to}`;

export function waysOf(facts: readonly Fact[], readers: readonly Reader[] | undefined): Ways {
  const nodes = facts.map(({ login }) => login);
  const known = new Set(nodes);
  const arrows = new Map<string, Arrow>();
  const reading = new Set<string>();
  const draw = (arrow: Arrow) => {
    if (known.has(arrow.from) && (known.has(arrow.to) || arrow.to === FILE)) arrows.set(keyOf(arrow), arrow);
  };
  for (const { login, members } of facts) for (const from of members ?? []) draw({ from, to: login, kind: "member" });
  for (const { login, path } of readers ?? []) {
    const way = path.length > 0 ? path : [login];
    way.forEach((from, at) => {
      const to = way[at - 1];
      // A reader's path tells of members that are not shown otherwise.
      const arrow: Arrow = to === undefined ? { from, to: FILE, kind: "given" } : { from, to, kind: "member" };
      draw(arrow);
      reading.add(keyOf(arrow));
    });
  }
  return { nodes: readers ? [...nodes, FILE] : nodes, arrows: [...arrows.values()], reading };
}

/** The arrows on ways through a node: to it, from whoever can act for it, and from it on. */
export function through(ways: Ways, node: string): ReadonlySet<string> {
  if (node === FILE) return ways.reading;
  const found = new Set<string>();
  const follow = (at: string, end: "from" | "to") => {
    for (const arrow of ways.arrows) {
      if (arrow[end] !== at || found.has(keyOf(arrow))) continue;
      found.add(keyOf(arrow));
      follow(end === "from" ? arrow.to : arrow.from, end);
    }
  };
  follow(node, "from");
  follow(node, "to");
  return found;
}
