// Bringing files: dropped, picked, or a sample.
import { useId, useState } from "preact/hooks";
import type { Person } from "../model/person.js";
import { addFiles, sampleFile } from "../model/sharing.js";
import { Button, FailureAt } from "./parts.js";

export function AddFiles({ person }: { person: Person }) {
  const id = useId();
  const [over, setOver] = useState(false);
  const busy = person.work.doing.value !== null;
  const waiting = person.waiting.value.flat();
  const add = (files: Iterable<File>) => {
    const list = [...files];
    if (list.length > 0) void addFiles(person, list);
  };

  const drag = (event: DragEvent) => {
    event.preventDefault();
    setOver(event.type === "dragover");
  };
  const drop = (event: DragEvent) => {
    drag(event);
    add(event.dataTransfer?.files ?? []);
  };
  const pick = (input: HTMLInputElement) => {
    add(input.files ?? []);
    // The same file may be picked again.
    input.value = "";
  };

  return (
    <div class="add" data-over={over} onDragOver={drag} onDragLeave={drag} onDrop={drop} data-testid={`drop-${person.who.login}`}>
      <label for={id}>Drop files here, or choose them</label>
      <input id={id} type="file" multiple onChange={(event) => pick(event.currentTarget)} />
      <Button busy={busy} onPress={() => addFiles(person, [sampleFile(person)])}>Use a sample file</Button>
      <p class="quiet" role="status" aria-label="Files that wait">
        {waiting.length > 0 && `Encrypted next: ${waiting.join(", ")}`}
      </p>
      <FailureAt work={person.work} place="add" />
    </div>
  );
}
