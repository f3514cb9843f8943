// Where things go in the picture of the graph. The library that decides it is loaded when the picture is first shown.

export interface Box {
  id: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Line {
  from: string;
  to: string;
  /** The `d` of an SVG path. */
  path: string;
}

export interface Layout {
  width: number;
  height: number;
  boxes: Map<string, Box>;
  lines: Line[];
}

/** Sizes of a node and of the gaps, in CSS pixels: the narrow ones fit four people beside each other on a phone. */
export const WIDE = { width: 148, height: 52, gap: 28, rank: 52 };
export const NARROW = { width: 78, height: 50, gap: 7, rank: 46 };

/** Layers, from top to bottom, with few crossings (Sugiyama's method). Cycles are allowed. */
export async function layOut(
  nodes: readonly string[],
  edges: readonly (readonly [from: string, to: string])[],
  size: typeof WIDE,
): Promise<Layout> {
  const { Graph, layout } = await import("@dagrejs/dagre");
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: size.gap, ranksep: size.rank, marginx: 4, marginy: 6 });
  for (const id of nodes) graph.setNode(id, { width: size.width, height: size.height });
  for (const [from, to] of edges) graph.setEdge(from, to, {});
  layout(graph);
  const boxes = new Map(
    nodes.map((id) => {
      const { x, y } = graph.node(id) as { x: number; y: number };
      return [id, { id, x, y, width: size.width, height: size.height }];
    }),
  );
  const lines = edges.map(([from, to]) => ({ from, to, path: curve(graph.edge(from, to).points as Point[]) }));
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { width, height, boxes, lines };
}

interface Point {
  x: number;
  y: number;
}

/** A line through points, its corners rounded. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  const at = ({ x, y }: Point) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const parts = [`M ${at(first)}`];
  rest.forEach((point, index) => {
    const next = rest[index + 1];
    if (next) parts.push(`Q ${at(point)} ${at({ x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 })}`);
    else parts.push(`L ${at(point)}`);
  });
  return parts.join(" ");
}
