// Before access is taken away: what it would do, as the package's dry run reports it.
import type { Person } from "../model/person.js";
import { forgetReport, revoke } from "../model/sharing.js";
import type { Kept } from "../model/shelf.js";
import { Button } from "./parts.js";

export function RevokeForm({ person, other, kept }: { person: Person; other: Person; kept: Kept }) {
  const report = person.reports.value.get(kept.id);
  if (!report) return null;
  const busy = person.work.doing.value !== null;
  return (
    <section class="note" aria-label={`Taking access from ${other.who.short}`}>
      <p>
        This takes {report.items.length === 1 ? "this file" : `${report.items.length} files`} away from {other.who.short}.
        {report.stillUnderOldKey.length > 0 &&
          ` The encrypted bytes stay as they are: whatever ${other.who.short} already opened or copied, ${other.who.short} keeps. A new version of the file would be closed to ${other.who.short}.`}
      </p>
      <div class="row">
        <Button kind="danger" busy={busy} onPress={() => revoke(person, kept, other)}>Take access away</Button>
        <Button busy={busy} onPress={() => forgetReport(person, kept.id)}>Keep sharing</Button>
      </div>
      <details class="fold">
        <summary>The report</summary>
        <pre tabIndex={0}>{JSON.stringify(report, null, 2)}</pre>
      </details>
    </section>
  );
}
