// Parts of a file on their way between a client and a relay over HTTP (docs/http.md): for each, the length of its name in
// two bytes, the name, the length of its bytes in four, and these. The same file serves both sides.
import { badInput } from "../errors.js";

/** In place of a length: there is no such part. */
const ABSENT = 0xffff_ffff;
const NAME = /^[a-z0-9]{1,64}$/;

/**
 * @param {readonly (readonly [name: string, bytes: Uint8Array | undefined])[]} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function framed(parts) {
  const length = parts.reduce((sum, [name, bytes]) => sum + 6 + name.length + (bytes?.length ?? 0), 0);
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [name, bytes] of parts) {
    if (!NAME.test(name)) throw badInput("the name of a part is 1 to 64 of a-z and 0-9");
    view.setUint16(at, name.length);
    for (let i = 0; i < name.length; i++) out[at + 2 + i] = name.charCodeAt(i);
    at += 2 + name.length;
    view.setUint32(at, bytes === undefined ? ABSENT : bytes.length);
    at += 4;
    if (bytes !== undefined) out.set(bytes, at);
    at += bytes?.length ?? 0;
  }
  return out;
}

/**
 * What `framed` wrote. Errors: `ERR_BAD_INPUT` if it is something else, or has more than `most` parts.
 *
 * @param {Uint8Array} bytes
 * @param {number} [most]
 * @returns {[name: string, bytes: Uint8Array<ArrayBuffer> | undefined][]} bytes alone in their memory
 */
export function unframed(bytes, most = Infinity) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [];
  let at = 0;
  const take = (count) => {
    if (count > bytes.length - at) throw badInput("these are not parts of a file: they end too early");
    at += count;
    return at - count;
  };
  while (at < bytes.length) {
    if (parts.length === most) throw badInput(`too many parts in one request: at most ${most}`);
    const nameLength = view.getUint16(take(2));
    const name = String.fromCharCode(...bytes.subarray(take(Math.min(nameLength, 65)), at));
    if (!NAME.test(name)) throw badInput("the name of a part is 1 to 64 of a-z and 0-9");
    const length = view.getUint32(take(4));
    parts.push([name, length === ABSENT ? undefined : bytes.slice(take(length), at)]);
  }
  return parts;
}
