// One node of the picture. What it is shows in its shape and its words, never in its colour alone.
import type { Box } from "../model/layout.js";

interface Props {
  box: Box;
  kind: string;
  name: string;
  version: number | undefined;
  /** Whether it can read the file that is shown; `undefined` if there is none, or this is it. */
  reads: boolean | undefined;
  /** All of it in one sentence. */
  says: string;
  /** Whether Tab stops here. */
  stop: boolean;
  pressed: boolean;
  onPress: () => void;
  onFocus: () => void;
  onKey: (event: KeyboardEvent) => void;
}

/** About the width of a letter of the name, in CSS pixels. */
const LETTER = 8.3;

export function Node({ box, kind, name, version, reads, says, stop, pressed, onPress, onFocus, onKey }: Props) {
  const { x, y, width, height } = box;
  const key = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return onKey(event);
    event.preventDefault();
    onPress();
  };
  return (
    <g class="node" data-kind={kind} data-pressed={pressed} transform={`translate(${x - width / 2} ${y - height / 2})`}>
      <Shape kind={kind} width={width} height={height} />
      <text aria-hidden="true" class="name" x={width / 2} y={height / 2 - 4}>{cut(name, (width - 10) / LETTER)}</text>
      <text aria-hidden="true" class="kind" x={width / 2} y={height / 2 + 13}>{version === undefined ? kind : `${kind} · v${version}`}</text>
      {reads !== undefined && (
        <g aria-hidden="true" class="sign" data-reads={reads} transform={`translate(${width - 5} 5)`}>
          <circle r="9" />
          <text y="4">{reads ? "✓" : "✗"}</text>
        </g>
      )}
      <rect
        class="hit"
        width={width}
        height={height}
        role="button"
        // Of SVG only the small spelling is an attribute that counts.
        tabindex={stop ? 0 : -1}
        aria-label={says}
        aria-pressed={pressed}
        data-node={box.id}
        onClick={onPress}
        onFocus={onFocus}
        onKeyDown={key}
      />
    </g>
  );
}

/** People are round, groups are boxes with a double border, devices are plain boxes, files have a dog-ear. */
function Shape({ kind, width, height }: { kind: string; width: number; height: number }) {
  const ear = 12;
  switch (kind) {
    case "person":
      return <rect class="shape" width={width} height={height} rx={height / 2} />;
    case "file":
      return <path class="shape" d={`M 0 0 H ${width - ear} L ${width} ${ear} V ${height} H 0 Z M ${width - ear} 0 V ${ear} H ${width}`} />;
    case "group":
      return (
        <>
          <rect class="shape" width={width} height={height} rx="4" />
          <rect class="inner" x="3.5" y="3.5" width={width - 7} height={height - 7} rx="2" />
        </>
      );
    default:
      return <rect class="shape" width={width} height={height} rx="2" />;
  }
}

function cut(text: string, letters: number): string {
  if (text.length <= letters) return text;
  return `${text.slice(0, Math.max(1, Math.floor(letters) - 1)).replace(/[\s.-]+$/, "")}…`;
}
