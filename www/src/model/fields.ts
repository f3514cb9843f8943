// An operation that a relay is asked for, taken apart: each field with its name, its size, and what kind of thing it is.
import { decode } from "./search.js";

export interface Field {
  /** Where it is in the operation: `grants.0.sealed`. */
  path: string;
  /** As it stands there. */
  text: string;
  /** Its bytes: decoded where it is base64url or hexadecimal. */
  bytes: Uint8Array<ArrayBuffer>;
  encoded: boolean;
  /** What it is, for whoever does not know the protocol by heart. */
  meaning: string;
}

/** By the last word of the path. Everything whose name is not here speaks for itself, or is described by the protocol. */
const MEANING: Record<string, string> = {
  encryptionKey: "public key: others encrypt to it",
  signingKey: "public key: others check signatures with it",
  selfSignature: "signature of these keys by themselves",
  chainSignature: "signature of these keys by those before",
  signature: "signature",
  authorSignature: "signature of who wrote it",
  op: "what is told or asked",
  secret: "a secret for signing in, from the password: it opens nothing",
  nonce: "random bytes",
  private: "private keys, sealed under a key that the relay does not have",
  sealed: "ciphertext",
  wrapped: "a key, encrypted to one recipient",
  commitment: "ties the record to one single key",
  fingerprint: "hash of public keys",
  senderFingerprint: "hash of public keys",
  grantorFingerprint: "hash of public keys",
  delegatorFingerprint: "hash of public keys",
  recipient: "for whom",
  login: "login, in the clear",
  sender: "login, in the clear",
  delegator: "login, in the clear",
  delegate: "login, in the clear",
  created: "time, Unix milliseconds",
  when: "time, Unix milliseconds",
  hash: "hash",
  previous: "hash of the version before",
  previousHash: "hash of the version before",
  salt: "random bytes",
  id: "random identifier",
  version: "number",
  counter: "number",
  suite: "which algorithms",
};

/** Shorter than any hash or key: a word rather than an encoding. */
const ENCODED_FROM = 22;

export function fieldsOf(json: string): Field[] {
  const fields: Field[] = [];
  const take = (value: unknown, path: string) => {
    if (value !== null && typeof value === "object") {
      for (const [name, inner] of Object.entries(value)) take(inner, path ? `${path}.${name}` : name);
      return;
    }
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const decoded = typeof value === "string" && text.length >= ENCODED_FROM ? decode(text) : undefined;
    const last = path.split(".").filter((name) => !/^\d+$/.test(name)).at(-1) ?? "";
    fields.push({
      path,
      text,
      bytes: decoded ?? new TextEncoder().encode(text),
      encoded: decoded !== undefined,
      meaning: MEANING[last] ?? "",
    });
  };
  try {
    take(JSON.parse(json), "");
  } catch {
    take(json, "");
  }
  return fields;
}
