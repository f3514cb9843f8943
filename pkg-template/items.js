// Data in and out: what the caller gives becomes bytes and a description, and comes back as what it was.
import * as bytes from "./bytes.js";
import { RegrantError, badInput } from "./errors.js";
import { boolean, optional, options, own, text } from "./input.js";
import { dataToJson, metadataToJson } from "./json.js";
import { turn } from "./turns.js";

/** The most that is said of an item, in bytes of JSON. */
const MAX_METADATA = 1 << 20;

/** Above so many bytes it is worth to spare a copy. */
const LARGE = 1 << 20;

/**
 * Data and metadata, ready to be sealed. Everything that can be wrong with them is found here. `room` says where data of
 * a length is to stand, to be sealed in its own memory.
 *
 * @returns {Promise<{ data: Uint8Array, metadata: string }>}
 */
export async function toSeal(data, metadata, room) {
  // The description first: one that is refused should not cost the reading of a file.
  const { content, ...description } = describe(data);
  const said = say(description, metadata);
  return { data: await content((length) => (length > LARGE ? room?.(length, said) : undefined)), metadata: said };
}

/**
 * The same of many. What the caller may change afterwards is copied before anything is awaited, and nothing else is done by
 * then.
 *
 * @returns {Promise<{ data: Uint8Array[], metadata: string[] }>}
 */
export async function toSealMany(items) {
  const taken = items.map(({ data, metadata }) => {
    const description = describe(data);
    const copied = description.copies ? description.content(() => undefined) : undefined;
    return { description, copied, meta: metadata === undefined ? undefined : metadataToJson(metadata) };
  });
  const out = { data: [], metadata: [] };
  for (const { description, copied, meta } of taken) {
    const wait = turn();
    if (wait) await wait;
    out.metadata.push(said(description, meta));
    const content = copied ?? description.content();
    out.data.push(content instanceof Promise ? await content : content);
  }
  return out;
}

/** What is said of bytes that come as a stream, or of a file that is sent in segments. */
export const about = (blob, metadata) => say(blob === undefined ? { type: "bytes" } : describe(blob), metadata);

const say = (description, metadata) => said(description, optional(metadataToJson, metadata));

function said({ type, name, mediaType }, meta) {
  const fields = Object.entries({ type, name, mediaType }).filter(([, value]) => value !== undefined);
  const parts = fields.map(([key, value]) => `"${key}":${JSON.stringify(value)}`);
  if (meta !== undefined) parts.push(`"meta":${meta}`);
  const json = `{${parts.join()}}`;
  // A UTF-16 code unit has at most three bytes: what is short need not be measured.
  if (json.length * 3 > MAX_METADATA && utf8(json).length > MAX_METADATA) throw badInput("what is said of the item (metadata, its type, a file's name) is longer than 1 MiB of JSON");
  return json;
}

let encoder;
const utf8 = (text) => (encoder ??= new TextEncoder()).encode(text);

function describe(data) {
  if (typeof data === "string") {
    text(data, "data");
    return { type: "string", content: () => utf8(data) };
  }
  const json = () => {
    const text = dataToJson(data);
    return { type: "json", content: () => utf8(text) };
  };
  if (bytes.isPlain(data)) return json();
  // Copied at once, before anything is awaited: the caller may go on using its own.
  const copied = (room) => {
    const place = room(data.byteLength);
    return place ? bytes.copyInto(data, "data", place) : bytes.copy(data, "data");
  };
  if (bytes.isUint8Array(data)) return { type: "bytes", content: copied, copies: true };
  if (bytes.isArrayBuffer(data)) return { type: "buffer", content: copied, copies: true };
  if (bytes.isFile(data)) return { type: "file", name: data.name, mediaType: data.type, content: () => bytes.read(data, "data") };
  if (bytes.isBlob(data)) return { type: "blob", mediaType: data.type, content: () => bytes.read(data, "data") };
  if (ArrayBuffer.isView(data)) throw badInput("of typed arrays, data may only be a Uint8Array: wrap its buffer in one");
  if (typeof data !== "object" || data === null) {
    throw badInput("data is a string, a JSON object or array, a Uint8Array, an ArrayBuffer, a Blob or a File");
  }
  return json();
}

/**
 * What is to be opened: a `Uint8Array`, or for convenience an `ArrayBuffer` or a `Blob`. As what the core takes: the
 * bytes, and if `place` knows where the data lies, what stands before and behind it apart.
 */
export async function toOpen(sealed, place) {
  if (bytes.isUint8Array(sealed) || bytes.isArrayBuffer(sealed)) {
    const found = sealed.byteLength > LARGE ? place?.(sealed) : undefined;
    if (found === undefined) return { body: bytes.copy(sealed, "bytes") };
    const all = bytes.isUint8Array(sealed) ? sealed : new Uint8Array(sealed);
    const [from, length] = found;
    const part = (from, to) => bytes.copy(all.subarray(from, to), "bytes");
    return { body: part(from, from + length), before: part(0, from), behind: part(from + length) };
  }
  if (bytes.isBlob(sealed)) return { body: await bytes.read(sealed, "bytes") };
  const hint = typeof sealed?.then === "function" ? ", and this is a promise: await it first" : sealed?.bytes === undefined ? "" : ": give its property bytes";
  throw badInput(`bytes is a Uint8Array, an ArrayBuffer or a Blob${hint}`);
}

/** What the core opened, as the caller gets it. */
export function opened({ id, version, data, metadataJson, author }) {
  const { type, name, mediaType, meta } = own(JSON.parse(metadataJson));
  return { id, version, data: restore(type, data, name, mediaType), type, metadata: meta ?? {}, author };
}

/** The same of a stream or a file, whose data comes apart; a file's name and media type are told instead. */
export function described({ id, version, metadataJson, author }) {
  const { type, name, mediaType, meta } = own(JSON.parse(metadataJson));
  return { id, version, type, name, mediaType, metadata: meta ?? {}, author };
}

function restore(type, data, name = "", mediaType = "") {
  switch (type) {
    case "string":
      return decode(data);
    case "json":
      return parse(decode(data));
    case "bytes":
      return data;
    case "buffer":
      return data.byteLength === data.buffer.byteLength ? data.buffer : data.slice().buffer;
    case "blob":
      return new Blob([data], { type: mediaType });
    case "file":
      // Node 18 and some workers know blobs only.
      return typeof File === "function" ? new File([data], name, { type: mediaType }) : new Blob([data], { type: mediaType });
    default:
      throw new RegrantError("ERR_UNSUPPORTED_VERSION", "this item holds data of a type that this version does not know");
  }
}

const corrupt = () => new RegrantError("ERR_CORRUPT", "what was sealed is not of the type that it says");

function decode(data) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw corrupt();
  }
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    throw corrupt();
  }
}

/** What `decrypt` and `decryptMany` were told beside the bytes. */
export function howToOpen(o) {
  const given = options(o, ["fresh", "older", "reason"]);
  const reason = optional(text, given.reason, "reason");
  const [fresh, older] = ["fresh", "older"].map((name) => optional(boolean, given[name], name) ?? false);
  return { reason, fresh, older };
}
