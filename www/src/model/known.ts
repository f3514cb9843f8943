// What this page has seen in the clear: passwords that were typed, names and contents of files. It is kept in memory
// alone, to be searched for in everything that the relay was sent.
import { signal } from "@preact/signals";

/** Something that the relay must not hold. */
export interface Known {
  what: string;
  bytes: Uint8Array;
}

export const known = signal<readonly Known[]>([]);

/** Shorter things are found anywhere by chance. */
const SHORTEST = 5;
/** Of a file that is no text, its beginning; of one that is, this many lines. */
const BEGINNING = 32;
const LINES = 40;

const utf8 = (text: string) => new TextEncoder().encode(text);

export function remember(what: string, secret: string | Uint8Array): void {
  const bytes = typeof secret === "string" ? utf8(secret) : secret;
  const there = known.value.some((other) => other.what === what && String(other.bytes) === String(bytes));
  if (bytes.length >= SHORTEST && !there) known.value = [...known.value, { what, bytes }];
}

/** A file's name, and what is in it. */
export async function rememberFile(file: File): Promise<void> {
  remember(`the name “${file.name}”`, file.name);
  if (!file.type.startsWith("text/")) {
    const beginning = new Uint8Array(await file.slice(0, BEGINNING).arrayBuffer());
    if (beginning.length === BEGINNING) remember(`the first ${BEGINNING} bytes of ${file.name}`, beginning);
    return;
  }
  const lines = (await file.slice(0, 8192).text()).split("\n").map((line) => line.trim());
  for (const line of lines.slice(0, LINES)) remember(`a line of ${file.name}`, line);
}
