// The picture's facts as a table. On narrow screens each row is a card; the roles keep it a table for screen readers.
import type { Fact, Graph } from "../model/graph.js";
import { list } from "../model/groups.js";
import type { Person } from "../model/person.js";

const KIND: Record<string, string> = { user: "person", group: "group", device: "device" };

const TRUST: Record<Fact["trust"], string> = {
  oneself: "oneself",
  verified: "code compared",
  unverified: "first seen, the same since",
  changed: "changed without proof",
  forked: "two rival versions",
};

export const kindOf = ({ kind }: Pick<Fact, "kind">) => KIND[kind] ?? kind;
export const trustOf = ({ trust }: Fact) => TRUST[trust];

export function FactsTable({ graph, viewer }: { graph: Graph; viewer: Person }) {
  const names = (logins: readonly string[]) => (logins.length === 0 ? "none" : list(logins.map((login) => graph.nameOf(login))));
  const members = ({ members: logins }: Fact) => (logins === null ? `not shown to ${viewer.who.short}` : names(logins));
  return (
    <table class="facts" role="table">
      <caption>The same facts as a table. “Can be acted for by” is the sharing group: its members.</caption>
      <thead role="rowgroup">
        <tr role="row">
          {["Identity", "Kind", "Keys", "Trust", "Can be acted for by", "Is in"].map((head) => (
            <th key={head} role="columnheader" scope="col">{head}</th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {graph.facts.value.map((fact) => (
          <tr key={fact.login} role="row">
            <th role="rowheader" scope="row">{fact.name}</th>
            <td role="cell" data-head="Kind">{kindOf(fact)}</td>
            <td role="cell" data-head="Keys">version {fact.version}</td>
            <td role="cell" data-head="Trust">{trustOf(fact)}</td>
            <td role="cell" data-head="Can be acted for by">{members(fact)}</td>
            <td role="cell" data-head="Is in">{names(fact.groups)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
