// Protocol section 0: what is signed, hashed and derived from. Fields are bytes by the time they get here.
import { createHash } from "node:crypto";

/** Big-endian, in so many bytes. */
export function integer(value, bytes = 8) {
  const out = Buffer.alloc(bytes);
  let rest = BigInt(value);
  for (let at = bytes - 1; at >= 0; at -= 1, rest >>= 8n) out[at] = Number(rest & 255n);
  if (rest !== 0n) throw new Error(`${value} does not fit into ${bytes} bytes`);
  return out;
}

export const text = (value) => Buffer.from(value, "utf8");
export const bytes = (base64url) => fromBase64url(base64url);

export function uuid(value) {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) throw new Error(`not a UUID: ${value}`);
  return Buffer.from(value.replaceAll("-", ""), "hex");
}

export function uuidText(bytes) {
  const hex = Buffer.from(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Its length in 4 bytes, then itself. */
export const lp = (value) => Buffer.concat([integer(value.length, 4), value]);

/** A compound field: the `lp` of its parts. */
export const compound = (...parts) => Buffer.concat(parts.map(lp));

/** Absent, or present with a value. */
export const optional = (value) => (value === undefined ? Buffer.from([0]) : Buffer.concat([Buffer.from([1]), value]));

/** A list: its count, then `lp` of each. */
export const list = (elements) => Buffer.concat([integer(elements.length), ...elements.map(lp)]);

/** T(what, fields). */
export const T = (what, ...fields) => Buffer.concat([lp(text(`regrant/v1/${what}`)), ...fields.map(lp)]);

export const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
export const sha512 = (...parts) => createHash("sha512").update(Buffer.concat(parts)).digest();

/** Takes `lp` values off the front, one after the other, and refuses what is left over. */
export function unpack(packed, count) {
  const out = [];
  let at = 0;
  for (let n = 0; n < count; n += 1) {
    if (at + 4 > packed.length) throw new Error("too short");
    const length = packed.readUInt32BE(at);
    if (at + 4 + length > packed.length) throw new Error("too short");
    out.push(packed.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { values: out, rest: packed.subarray(at) };
}

/** Only the canonical form, without padding. */
export function fromBase64url(value) {
  const out = Buffer.from(value, "base64url");
  if (toBase64url(out) !== value) throw new Error("not canonical base64url");
  return out;
}

export const toBase64url = (value) => Buffer.from(value).toString("base64url");
