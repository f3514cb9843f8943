// Small parts that every panel uses: a button that stays in place while it works, a failure, an id.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Work } from "../model/work.js";

interface ButtonProps {
  children: ComponentChildren;
  onPress?: () => unknown;
  /** Something is going on: pressing does nothing. The button keeps the focus, which `disabled` would take. */
  busy?: boolean;
  kind?: "main" | "plain" | "danger";
  submit?: boolean;
  label?: string;
  expanded?: boolean;
}

export function Button({ children, onPress, busy = false, kind = "plain", submit = false, label, expanded }: ButtonProps) {
  const press = (event: Event) => {
    if (busy) event.preventDefault();
    else if (onPress) void onPress();
  };
  return (
    <button type={submit ? "submit" : "button"} class={kind} aria-disabled={busy} aria-label={label} aria-expanded={expanded} onClick={press}>
      {children}
    </button>
  );
}

/** A failure, at the place that it belongs to. */
export function FailureAt({ work, place }: { work: Work; place: string }) {
  const failure = work.failure.value;
  return (
    <div role="alert" class="alert">
      {failure?.place === place && (
        <p class="failure">
          {failure.message}
          {failure.code && <code>{failure.code}</code>}
        </p>
      )}
    </div>
  );
}

/** What goes on, or was done last, read out by screen readers; and how far it is, where that takes long. */
export function StatusLine({ work, name }: { work: Work; name: string }) {
  const doing = work.doing.value;
  const progress = work.progress.value;
  return (
    <>
      <p class="status" role="status" aria-label={`What ${name} is doing`} data-busy={doing !== null}>
        {doing ?? work.done.value}
      </p>
      {progress && (
        <div class="row far">
          <progress aria-label={`How far ${name} is`} value={progress.done} max={progress.total} />
          <span class="quiet">{bytes(progress.done)} of {bytes(progress.total)}</span>
          <Button onPress={() => work.stop()}>Stop</Button>
        </div>
      )}
    </>
  );
}

/** Has the browser save bytes as a file. */
export function saveAs(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  // The download has begun by then.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string;
  code?: boolean;
}

export function Field({ label, value, onInput, hint, code = false }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        class={code ? "code" : undefined}
        value={value}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {hint && <p id={`${id}-hint`} class="hint">{hint}</p>}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly { value: string; text: string }[];
  onChoose: (value: string) => void;
}

/** One of several. */
export function Choice({ label, value, options, onChoose }: ChoiceProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {options.map(({ value, text }) => <option key={value} value={value}>{text}</option>)}
      </select>
    </div>
  );
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} bytes`;
  return count < 1e6 ? `${(count / 1000).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

/** The beginning of a long id or fingerprint; the whole is in the title. */
export function Short({ of }: { of: string }) {
  return <code title={of}>{of.slice(0, 8)}…</code>;
}
