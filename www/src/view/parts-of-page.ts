// The parts of the page and which of them is shown: what the address says after `#`.
import { useEffect, useState } from "preact/hooks";

export const PARTS = [
  { id: "story", name: "The story" },
  { id: "play", name: "Play freely" },
  { id: "relay", name: "What the relay was sent" },
  { id: "lies", name: "A relay that lies" },
] as const;

export type Part = (typeof PARTS)[number]["id"];

const named = (): Part | undefined => PARTS.find(({ id }) => `#${id}` === location.hash)?.id;

export function usePart(): Part {
  const [part, setPart] = useState<Part>(named() ?? "story");
  useEffect(() => {
    // Other names are those of places within a part.
    const changed = () => setPart((before) => named() ?? (location.hash === "" ? "story" : before));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return part;
}
