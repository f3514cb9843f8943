// The picture of the graph: everybody as a node, "is in the group" as solid arrows, and one file with who was given it.
// One stop for Tab; arrow keys go from node to node. The table beside it says the same.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Graph } from "../model/graph.js";
import { list } from "../model/groups.js";
import { NARROW, WIDE, layOut, type Box, type Layout } from "../model/layout.js";
import type { Kept } from "../model/shelf.js";
import type { Reader } from "../model/sight.js";
import { FILE, keyOf, through, waysOf } from "../model/ways.js";
import { kindOf, trustOf } from "./facts-table.js";
import { Node } from "./node.js";

interface Props {
  graph: Graph;
  file: { kept: Kept; name: string; readers: Reader[] } | undefined;
}

/** Below this width of its place the picture uses small nodes. */
const NARROW_BELOW = 520;
/** It is never drawn smaller than this, but scrolls in its frame instead. */
const SMALLEST = 0.9;

export function Picture({ graph, file }: Props) {
  const facts = graph.facts.value;
  const place = useRef<HTMLDivElement>(null);
  const { near, width } = usePlace(place);
  const [layout, setLayout] = useState<Layout | null>(null);
  const [failed, setFailed] = useState(false);
  const [at, setAt] = useState("");
  const [pressed, setPressed] = useState<string | null>(null);
  const ways = useMemo(() => waysOf(facts, file?.readers), [facts, file?.readers]);
  const narrow = width < NARROW_BELOW;
  const drawn = JSON.stringify([ways.nodes, ways.arrows, narrow]);

  useEffect(() => {
    if (!near || facts.length === 0) return;
    let late = false;
    layOut(ways.nodes, ways.arrows.map(({ from, to }) => [from, to] as const), narrow ? NARROW : WIDE)
      .then((next) => late || setLayout(next))
      .catch(() => setFailed(true));
    return () => {
      late = true;
    };
  }, [drawn, near]);

  const boxes = layout ? [...layout.boxes.values()].filter(({ id }) => ways.nodes.includes(id)) : [];
  const stop = boxes.some(({ id }) => id === at) ? at : boxes[0]?.id;
  const chosen = pressed !== null && ways.nodes.includes(pressed) ? pressed : null;
  const marked = through(ways, chosen ?? FILE);
  const reads = new Set(file?.readers.map(({ login }) => login));
  const arrows = new Map(ways.arrows.map((arrow) => [keyOf(arrow), arrow]));

  const go = (event: KeyboardEvent, from: Box) => {
    const to = neighbour(boxes, from, event.key);
    if (!to) return;
    event.preventDefault();
    setAt(to.id);
    place.current?.querySelector<SVGElement>(`[data-node="${CSS.escape(to.id)}"]`)?.focus();
  };

  const label = (id: string) => (id === FILE ? (file?.name ?? "") : graph.nameOf(id));
  const say = (id: string) => {
    const fact = graph.fact(id);
    if (!fact) return `${label(id)}, file of ${graph.nameOf(file?.kept.owner ?? "")}, read by ${list([...reads].map(label))}`;
    const parts = [fact.name, kindOf(fact), `keys version ${fact.version}`, trustOf(fact)];
    if (fact.members?.length) parts.push(`members: ${list(fact.members.map(label))}`);
    if (fact.groups.length) parts.push(`is in ${list(fact.groups.map(label))}`);
    if (file) parts.push(`${reads.has(id) ? "can" : "cannot"} read ${file.name}`);
    return parts.join(", ");
  };

  const scale = layout ? Math.max(Math.min(1, (width - 2) / layout.width), SMALLEST) : 1;
  return (
    <figure class="picture">
      <div class="frame" ref={place}>
        {failed && <p class="failure">The picture could not be loaded; the table says the same.</p>}
        {!layout && !failed && <p class="quiet">The picture is drawn when it comes into view…</p>}
        {layout && (
          <svg
            role="group"
            aria-label="Picture of the graph: arrow keys go from one to the next, Enter shows the ways through it"
            viewBox={`0 0 ${layout.width} ${layout.height}`}
            width={layout.width * scale}
            height={layout.height * scale}
          >
            <defs>
              {["tip", "tip marked"].map((look) => (
                <marker key={look} id={look.replace(" ", "-")} viewBox="0 0 10 10" refX="9" refY="5" markerUnits="userSpaceOnUse" markerWidth="11" markerHeight="11" orient="auto">
                  <path class={look} d="M 0 0 L 10 5 L 0 10 z" />
                </marker>
              ))}
            </defs>
            {layout.lines.map((line) => {
              const arrow = arrows.get(keyOf(line));
              const on = marked.has(keyOf(line));
              return arrow && (
                <path key={keyOf(line)} class="arrow" data-kind={arrow.kind} data-marked={on} d={line.path} marker-end={`url(#tip${on ? "-marked" : ""})`} />
              );
            })}
            {boxes.map((box) => (
              <Node
                key={box.id}
                box={box}
                kind={box.id === FILE ? "file" : kindOf(graph.fact(box.id) ?? { kind: "" })}
                name={label(box.id)}
                version={graph.fact(box.id)?.version}
                reads={!file || box.id === FILE ? undefined : reads.has(box.id)}
                says={say(box.id)}
                stop={box.id === stop}
                pressed={box.id === chosen}
                onPress={() => setPressed(box.id === chosen ? null : box.id)}
                onFocus={() => setAt(box.id)}
                onKey={(event) => go(event, box)}
              />
            ))}
          </svg>
        )}
      </div>
      <figcaption>
        <p class="chosen" role="status" aria-label="What is chosen in the picture">{chosen ? `${say(chosen)}.` : ""}</p>
        <p class="hint">
          A solid arrow: is in that group, and can act for it. A dashed arrow: was given the file. Thick: a way through what
          is chosen, at first the file. ✓ can read it, ✗ cannot. Tab leads into the picture, arrow keys go from one to the
          next, Enter chooses.
        </p>
      </figcaption>
    </figure>
  );
}

/** Whether the picture's place came near what is in view, and how wide it is. */
function usePlace(place: { current: HTMLElement | null }): { near: boolean; width: number } {
  const [near, setNear] = useState(false);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const sight = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      setNear(true);
      sight.disconnect();
    }, { rootMargin: "200px" });
    const size = new ResizeObserver(() => setWidth(element.clientWidth));
    sight.observe(element);
    size.observe(element);
    return () => {
      sight.disconnect();
      size.disconnect();
    };
  }, []);
  return { near, width };
}

/** Where a key leads from a node: the nearest in that direction, what lies straight ahead first. */
function neighbour(boxes: readonly Box[], from: Box, key: string): Box | undefined {
  if (key === "Home") return boxes[0];
  if (key === "End") return boxes.at(-1);
  const dx = Number(key === "ArrowRight") - Number(key === "ArrowLeft");
  const dy = Number(key === "ArrowDown") - Number(key === "ArrowUp");
  const ahead = boxes.flatMap((box) => {
    const along = (box.x - from.x) * dx + (box.y - from.y) * dy;
    const aside = Math.abs((box.x - from.x) * dy) + Math.abs((box.y - from.y) * dx);
    return along > 1 ? [{ box, cost: along + 2 * aside }] : [];
  });
  return ahead.sort((a, b) => a.cost - b.cost)[0]?.box;
}
