// One person's side of the page.
import { useRef } from "preact/hooks";
import type { Graph } from "../model/graph.js";
import type { Person } from "../model/person.js";
import { newestRequests } from "../model/sharing.js";
import { AccessRequest } from "./access-request.js";
import { AddFiles } from "./add-files.js";
import { ConnectForm } from "./connect-form.js";
import { FileList } from "./file-list.js";
import { useFocusKept } from "./focus.js";
import { KeyBlock } from "./key-block.js";
import { StatusLine } from "./parts.js";
import { Receipts } from "./receipts.js";
import { Warnings } from "./warnings.js";

interface Props {
  person: Person;
  graph: Graph;
  /** Whether the next step is this person's. */
  turn: boolean;
}

export function PersonPanel({ person, graph, turn }: Props) {
  const { login, name } = person.who;
  const panel = useRef<HTMLElement>(null);
  const connected = person.connected.value;
  const ready = person.ready.value;
  const state = !connected ? "not connected" : ready ? "connected" : "locked";
  useFocusKept(panel);

  return (
    <section class="panel" ref={panel} aria-labelledby={`${login}-name`} data-state={state} data-turn={turn}>
      <header>
        <h2 id={`${login}-name`} tabIndex={-1}>{name}</h2>
        <span class="badge" data-state={state}>{state}</span>
        <StatusLine work={person.work} name={person.who.short} />
      </header>
      <Warnings person={person} graph={graph} />
      {ready
        ? <>
            {newestRequests(person).map((request) => (
              <AccessRequest key={request.id} person={person} graph={graph} request={request} />
            ))}
            <Receipts person={person} graph={graph} />
            <KeyBlock person={person} graph={graph} />
            <AddFiles person={person} />
          </>
        : <ConnectForm key={`${person.lost.value}`} person={person} />}
      {connected && <FileList person={person} graph={graph} />}
    </section>
  );
}
