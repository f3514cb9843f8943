// What a session warns of, for as long as it is so.
import type { Graph } from "../model/graph.js";
import type { Person } from "../model/person.js";

export function Warnings({ person, graph }: { person: Person; graph: Graph }) {
  return (
    <>
      {person.warnings.value.map(({ kind, logins, message }) => (
        <section key={kind} class="failure" role="alert" aria-label={`Warning: ${kind}`}>
          <p>
            <strong>{logins.map((login) => graph.nameOf(login)).join(", ")}:</strong> {message}.
          </p>
        </section>
      ))}
    </>
  );
}
