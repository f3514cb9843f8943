// The explanation of one file's readers: who, by which way, until when; and to whom it is closed.
import type { Graph } from "../model/graph.js";
import { closedTo, explain } from "../model/readers.js";
import type { Kept } from "../model/shelf.js";
import type { Reader } from "../model/sight.js";

export function Readers({ graph, kept, readers }: { graph: Graph; kept: Kept; readers: Reader[] }) {
  const closed = closedTo(graph, kept);
  return (
    <ul class="readers">
      {explain(graph, kept, readers).map(({ login, name, because, until }) => (
        <li key={login}>
          <span class="sign yes" aria-hidden="true">✓</span>
          <span><strong>{name}</strong> can read it, {because}{until && `; ${until}`}.</span>
        </li>
      ))}
      {closed.map(({ who }) => (
        <li key={who.login}>
          <span class="sign no" aria-hidden="true">✗</span>
          <span><strong>{who.short}</strong> cannot: no key of {who.short}'s opens it.</span>
        </li>
      ))}
    </ul>
  );
}
