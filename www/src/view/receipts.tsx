// Proof of what was given back, signed by who gave it.
import type { Graph } from "../model/graph.js";
import type { Person } from "../model/person.js";

export function Receipts({ person, graph }: { person: Person; graph: Graph }) {
  return (
    <>
      {person.receipts.value.map((receipt) => (
        <section key={receipt.id} class="note good" aria-label={`Receipt ${receipt.id.slice(0, 8)}`}>
          <p>
            <strong>The codes match. Access was given back.</strong> {graph.nameOf(receipt.requester)}'s new keys open what was shared
            between the two ({count(receipt.exchanges.length, "shared key")}).
          </p>
          <details class="fold">
            <summary>The receipt, signed by {person.who.short}</summary>
            <pre tabIndex={0}>{JSON.stringify(receipt, null, 2)}</pre>
          </details>
        </section>
      ))}
    </>
  );
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
