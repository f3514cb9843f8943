// Telling bytes apart by what they are, not by which window they come from, and copying them.
import { badInput } from "./errors.js";

/** "Uint8Array" for one of any realm or subclass (such as Node's Buffer), the name of another typed array, or `undefined`. */
const typedArrayName = (value) =>
  Reflect.get(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag, value);

export const isUint8Array = (value) => ArrayBuffer.isView(value) && typedArrayName(value) === "Uint8Array";

/** Whether it is an object or array of this realm's without any class: nothing else is to be found out about it. */
export function isPlain(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}

/** A real `ArrayBuffer`; a `SharedArrayBuffer` is none. */
export function isArrayBuffer(value) {
  // Asking it would throw, which costs as much as encrypting.
  if (isPlain(value)) return false;
  try {
    Reflect.get(ArrayBuffer.prototype, "byteLength", value);
    return true;
  } catch {
    return false;
  }
}

const tag = (value) => Object.prototype.toString.call(value);

export const isFile = (value) => typeof File === "function" && (value instanceof File || tag(value) === "[object File]");

export const isBlob = (value) =>
  typeof Blob === "function" && (value instanceof Blob || tag(value) === "[object Blob]" || isFile(value));

/** A copy of bytes, so that the caller may go on using its own. */
export function copy(bytes, name) {
  try {
    // Asked in this order: what is no ArrayBuffer throws when it is asked, which costs more than the copying.
    return new Uint8Array(isUint8Array(bytes) ? bytes : bytes.slice(0));
  } catch (cause) {
    throw badInput(`${name} was transferred elsewhere, or is too large to copy`, cause);
  }
}

/** A copy that stands at a place in memory of a size. */
export function copyInto(bytes, name, [at, total]) {
  try {
    const from = isUint8Array(bytes) ? bytes : new Uint8Array(bytes);
    const copied = new Uint8Array(total).subarray(at, at + from.length);
    copied.set(from);
    return copied;
  } catch (cause) {
    throw badInput(`${name} was transferred elsewhere, or is too large to copy`, cause);
  }
}

/** A `Uint8Array` of at most `most` bytes, copied. What is far too long must not reach the module: its memory is small. */
export function uint8Array(value, name, most) {
  if (!isUint8Array(value)) throw badInput(`${name} is a Uint8Array`);
  if (value.byteLength > most) throw badInput(`${name} has at most ${most} bytes`);
  return copy(value, name);
}

/** The bytes of a `Blob`. */
export async function read(blob, name) {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw badInput(`${name} is a Blob that can no longer be read`, cause);
  }
}
