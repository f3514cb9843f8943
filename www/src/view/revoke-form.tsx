// Before access is taken away: what it would do, as the package's dry run reports it.
import type { Graph } from "../model/graph.js";
import type { Person } from "../model/person.js";
import { list } from "../model/groups.js";
import { forgetReport, revoke } from "../model/sharing.js";
import type { Kept } from "../model/shelf.js";
import { Button } from "./parts.js";

export function RevokeForm({ person, graph, kept }: { person: Person; graph: Graph; kept: Kept }) {
  const report = person.reports.value.get(kept.id);
  if (!report) return null;
  const name = graph.nameOf(report.login);
  const losing = (report.losing ?? []).map(({ login }) => login).filter((login) => login !== report.login);
  const keeping = report.stillGranted.map(({ by }) => graph.nameOf(by));
  const through = report.stillThrough.map(({ path }) => list(path.slice(0, -1).map((login) => graph.nameOf(login))));
  const busy = person.work.doing.value !== null;
  return (
    <section class="note" aria-label={`Taking access to ${kept.id.slice(0, 4)} from ${name}`}>
      <p>
        This takes {report.items.length === 1 ? "this file" : `${report.items.length} files`} away from {name}.
        {report.stillUnderOldKey.length > 0 &&
          ` The encrypted bytes stay as they are: whatever ${name} already opened or copied, ${name} keeps. Stored anew, the file would be closed to ${name}.`}
      </p>
      {losing.length > 0 && (
        <>
          <p>With {name}, these would lose access, because they have it only in this way:</p>
          <ul aria-label="Would lose access">{losing.map((login) => <li key={login}>{graph.nameOf(login)}</li>)}</ul>
        </>
      )}
      {keeping.length > 0 && <p>It stays open to {name} through what {list(keeping)} gave.</p>}
      {through.length > 0 && <p>It stays open to {name} as a member of {list(through)}.</p>}
      <div class="row">
        <Button kind="danger" busy={busy} onPress={() => revoke(person, kept, { login: report.login, name })}>Take access away</Button>
        <Button busy={busy} onPress={() => forgetReport(person, kept.id)}>Keep sharing</Button>
      </div>
      <details class="fold">
        <summary>The report</summary>
        <pre tabIndex={0}>{JSON.stringify(report, null, 2)}</pre>
      </details>
    </section>
  );
}
