// The memory of the module's instances, and what a secret looks like there. Captures each instance as it is made: import
// it, and call `capture`, before the package is first used.

/** The memories of all instances made from now on. */
export function capture() {
  const memories = [];
  const note = (instance) => {
    if (instance.exports.memory) memories.push(instance.exports.memory);
    return instance;
  };
  const { Instance, instantiate } = WebAssembly;
  WebAssembly.Instance = new Proxy(Instance, { construct: (target, args) => note(Reflect.construct(target, args)) });
  WebAssembly.instantiate = async (...args) => {
    const made = await instantiate.apply(WebAssembly, args);
    note(made.instance ?? made);
    return made;
  };
  return memories;
}

const text = new TextEncoder();
const concat = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
export const unhex = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
export const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const unbase64 = (base64) => Uint8Array.from(atob(base64.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const base64 = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("=", "");

const number = (value, length) => Uint8Array.from({ length }, (_, i) => Math.floor(value / 2 ** (8 * (length - 1 - i))) % 256);
const lp = (part) => concat(number(part.length, 4), part);
const field = (value) => (typeof value === "string" ? text.encode(value) : typeof value === "number" ? number(value, 8) : value);

/** T(what, fields): protocol section 0. */
export const transcript = (what, ...fields) => concat(lp(text.encode(`regrant/v1/${what}`)), ...fields.map((value) => lp(field(value))));
export const list = (items) => concat(number(items.length, 8), ...items.map(lp));
export const compound = (...parts) => concat(...parts.map((part) => lp(field(part))));
export const uuid = (id) => unhex(id.replaceAll("-", ""));
export const int32 = (value) => number(value, 4);
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

export async function hkdf(secret, info, length = 32, salt = new Uint8Array()) {
  const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, 8 * length));
}

/** What a box holds: protocol section 1. */
export async function unbox(secret, context, box) {
  const okm = await hkdf(secret, context, 64, box.slice(0, 32));
  const key = await crypto.subtle.importKey("raw", okm.slice(0, 32), "AES-GCM", false, ["decrypt"]);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, key, box.slice(64)));
}

export const unwrap = async (privateKey, context, sealed) =>
  new Uint8Array(await crypto.subtle.decrypt({ name: "RSA-OAEP", label: text.encode(hex(await sha256(context))) }, privateKey, sealed));

/** Where some bytes are in a memory, as they are or reversed (numbers lie so), or in hex or base64. */
export function places(memory, secret) {
  // Long ones are looked for by 24 bytes out of their middle: a copy may have lost its ends.
  const middle = Math.max(0, Math.floor((secret.length - 24) / 6) * 3);
  const part = secret.slice(middle, middle + 24);
  const spelt = base64(part);
  const ways = { raw: part, reversed: part.slice().reverse(), hex: text.encode(hex(part)), base64: text.encode(spelt), base64url: text.encode(spelt.replaceAll("+", "-").replaceAll("/", "_")) };
  const bytes = new Uint8Array(memory.buffer);
  const out = [];
  for (const [way, wanted] of Object.entries(ways)) {
    for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
      if (wanted.every((byte, i) => bytes[at + i] === byte)) out.push(`${way} at ${at}`);
    }
  }
  return out;
}
