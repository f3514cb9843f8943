// Looks for what this page knows in the clear within what the relay was sent: in the bytes as they are, and in what its
// base64url and hexadecimal fields say when they are decoded.

/** A character for each byte, another for each: the browser searches text fast. */
const characters = new TextDecoder("windows-1252");
const binary = (bytes: Uint8Array) => characters.decode(bytes);

const ENCODED = /[A-Za-z0-9_-]{8,}/g;
const HEX = /^([0-9a-f]{2})+$/;

/** What an encoded field says; nothing, if it is none. */
export function decode(field: string): Uint8Array<ArrayBuffer> | undefined {
  if (HEX.test(field)) return Uint8Array.from(field.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  if (!/^[A-Za-z0-9_-]+$/.test(field) || field.length % 4 === 1) return undefined;
  return Uint8Array.from(atob(field.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

/** One piece of what was sent, ready to be searched. */
export class Haystack {
  #texts: string[];

  constructor(readonly bytes: number, texts: string[]) {
    this.#texts = texts;
  }

  /** Text, with every field that could be base64url or hexadecimal decoded, too. */
  static ofText(text: string): Haystack {
    const bytes = new TextEncoder().encode(text);
    const decoded = (text.match(ENCODED) ?? []).flatMap((field) => decode(field) ?? []);
    return new Haystack(bytes.length, [binary(bytes), ...decoded.map(binary)]);
  }

  static ofBytes(bytes: Uint8Array): Haystack {
    return new Haystack(bytes.length, [binary(bytes)]);
  }

  has(needle: Uint8Array): boolean {
    const wanted = binary(needle);
    return this.#texts.some((text) => text.includes(wanted));
  }
}

export interface Finding {
  /** How many bytes were searched. */
  bytes: number;
  /** How many things were searched for. */
  wanted: number;
  /** Which of them are there. */
  found: string[];
}
