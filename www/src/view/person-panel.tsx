// One person's side of the page.
import { useEffect, useRef } from "preact/hooks";
import type { Person } from "../model/person.js";
import { AccessRequest } from "./access-request.js";
import { AddFiles } from "./add-files.js";
import { ConnectForm } from "./connect-form.js";
import { FileList } from "./file-list.js";
import { KeyBlock } from "./key-block.js";
import { StatusLine } from "./parts.js";
import { Receipts } from "./receipts.js";

export function PersonPanel({ person, other }: { person: Person; other: Person }) {
  const { login, name } = person.who;
  const heading = useRef<HTMLHeadingElement>(null);
  const panel = useRef<HTMLElement>(null);
  const connected = person.connected.value;
  const ready = person.ready.value;
  const state = !connected ? "not connected" : ready ? "connected" : "locked";
  useFocusKept(panel, heading, state);

  return (
    <section class="panel" ref={panel} aria-labelledby={`${login}-name`} data-state={state}>
      <header>
        <h2 id={`${login}-name`} ref={heading} tabIndex={-1}>{name}</h2>
        <span class="badge" data-state={state}>{state}</span>
      </header>
      <StatusLine work={person.work} name={person.who.short} />
      {ready
        ? <>
            {person.requests.value.map((request) => (
              <AccessRequest key={request.id} person={person} other={other} request={request} />
            ))}
            <Receipts person={person} other={other} />
            <KeyBlock person={person} />
            <AddFiles person={person} />
          </>
        : <ConnectForm key={`${person.lost.value}`} person={person} />}
      {connected && <FileList person={person} other={other} />}
    </section>
  );
}

/** When what had the focus is gone, the panel's heading takes it, so that the keyboard goes on from here. */
function useFocusKept(panel: { current: HTMLElement | null }, heading: { current: HTMLElement | null }, state: string) {
  const inside = useRef(false);
  useEffect(() => {
    const note = () => {
      const active = document.activeElement;
      if (active && active !== document.body) inside.current = panel.current?.contains(active) ?? false;
    };
    document.addEventListener("focusin", note);
    return () => document.removeEventListener("focusin", note);
  }, []);
  useEffect(() => {
    if (inside.current && document.activeElement === document.body) heading.current?.focus();
  }, [state]);
}
