// Protocol section 6: the envelope, whole.
import { randomBytes } from "node:crypto";
import { gcmOpen, gcmSeal, hkdf, same, sign, verify } from "./boxes.mjs";
import { T, compound, integer, optional, sha256, text, unpack, uuid, uuidText } from "./transcript.mjs";

const HEADER = 94;
const TAG = 16;
const TRAILER = 364;

const nonce = (index, b) => Buffer.concat([Buffer.alloc(7), integer(index, 4), Buffer.from([b])]);

function keys(dataKey, header, salt) {
  const okm = hkdf(dataKey, salt, T("envelope", header.subarray(0, 30)), 64);
  return { key: okm.subarray(0, 32), commitment: okm.subarray(32) };
}

export function padme(length) {
  if (length < 2) return length;
  const e = Math.floor(Math.log2(length));
  const z = Math.max(e - (Math.floor(Math.log2(e)) + 1), 0);
  return Math.ceil(length / 2 ** z) * 2 ** z;
}

function digestOf(header, fingerprint, chunks) {
  return sha256(T("content", header, optional(fingerprint), sha256(...chunks.map((chunk) => sha256(chunk)))));
}

/**
 * `author`: `{ login, fingerprint, seed }`, for a signed one. Gives the bytes and the content digest. What a test may want
 * wrong: `length`, as the metadata says it; `filler`, a byte that fills the trailer; `emptyEnd`, one more chunk, empty.
 */
export function sealEnvelope(dataKey, { id, keyVersion, metadata, data, length = data.length, author, ...how }) {
  const { chunkLog2 = 18, pad = false, salt = randomBytes(32), filler = 0, emptyEnd = false } = how;
  const plain = text(JSON.stringify({ ...metadata, length }));
  const size = pad ? padme(data.length) : data.length;
  const padded = Buffer.concat([data, Buffer.alloc(size - data.length)]);
  const flags = chunkLog2 | (pad ? 0x40 : 0) | (author ? 0x80 : 0);
  const start = Buffer.concat([text("RGR1"), Buffer.from([1, flags]), uuid(id), integer(keyVersion, 4), integer(plain.length, 4)]);
  const { key, commitment } = keys(dataKey, start, salt);
  const header = Buffer.concat([start, salt, commitment]);
  const chunk = 2 ** chunkLog2;
  const count = Math.max(Math.ceil(size / chunk), 1) + (emptyEnd ? 1 : 0);
  const chunks = [gcmSeal(key, nonce(0, 0), plain)];
  for (let n = 1; n <= count; n += 1) {
    chunks.push(gcmSeal(key, nonce(n, n === count ? 1 : 0), padded.subarray((n - 1) * chunk, n * chunk)));
  }
  const digest = digestOf(header, author?.fingerprint, chunks);
  const trailer = author ? [gcmSeal(key, nonce(count + 1, 2), trailerOf(digest, author, filler))] : [];
  return { bytes: Buffer.concat([header, ...chunks, ...trailer]), digest };
}

const authored = (digest, login, fingerprint) => T("author", digest, text(login), fingerprint);

function trailerOf(digest, { login, fingerprint, seed }, filler) {
  const said = compound(text(login), fingerprint, sign(seed, authored(digest, login, fingerprint)));
  return Buffer.concat([said, Buffer.alloc(TRAILER - said.length, filler)]);
}

/** What everybody can see. */
export function readHeader(bytes) {
  if (bytes.length < HEADER || bytes.subarray(0, 4).toString("latin1") !== "RGR1") throw new Error("no envelope");
  const [suite, flags] = [bytes[4], bytes[5]];
  if (suite !== 1 || (flags & 0x20) !== 0) throw new Error("an envelope of another version");
  const [chunkLog2, metadataLength] = [flags & 0x1f, bytes.readUInt32BE(26)];
  if (chunkLog2 < 12 || chunkLog2 > 24 || metadataLength > 2 ** 20) throw new Error("an envelope: a limit");
  return {
    id: uuidText(bytes.subarray(6, 22)),
    keyVersion: bytes.readUInt32BE(22),
    chunk: 2 ** chunkLog2,
    padded: (flags & 0x40) !== 0,
    signed: (flags & 0x80) !== 0,
    metadataLength,
    header: bytes.subarray(0, HEADER),
  };
}

/**
 * Opens an envelope. `digest`: what the grant says; it is compared before anything is decrypted but the trailer.
 * `keyOf(login, fingerprint)`: the signing key of an author.
 */
export function openEnvelope(dataKey, bytes, digest, keyOf) {
  const { header, chunk, padded, signed, metadataLength, ...said } = readHeader(bytes);
  const { key, commitment } = keys(dataKey, header, header.subarray(30, 62));
  if (!same(commitment, header.subarray(62))) throw new Error("an envelope: the commitment is of another key");
  const body = bytes.subarray(HEADER, signed ? bytes.length - TRAILER - TAG : undefined);
  if (body.length < metadataLength + 2 * TAG) throw new Error("an envelope: too short");
  const chunks = [body.subarray(0, metadataLength + TAG)];
  for (let at = metadataLength + TAG; at < body.length; at += chunk + TAG) chunks.push(body.subarray(at, at + chunk + TAG));
  const last = chunks.length - 1;
  if (last > 1 && chunks[last].length === TAG) throw new Error("an envelope: an empty chunk at the end");

  const author = signed ? readTrailer(gcmOpen(key, nonce(last + 1, 2), bytes.subarray(-TRAILER - TAG))) : undefined;
  const found = digestOf(header, author?.fingerprint, chunks);
  if (digest !== undefined && !same(found, digest)) throw new Error("an envelope: other content than was granted");
  if (author) verify(keyOf(author.login, author.fingerprint), authored(found, author.login, author.fingerprint), author.signature);

  const metadata = JSON.parse(gcmOpen(key, nonce(0, 0), chunks[0]).toString("utf8"));
  const plain = Buffer.concat(chunks.slice(1).map((sealed, n) => gcmOpen(key, nonce(n + 1, n + 1 === last ? 1 : 0), sealed)));
  return { ...said, metadata, author, digest: found, data: unpad(plain, metadata.length, padded) };
}

function readTrailer(trailer) {
  const { values, rest } = unpack(trailer, 3);
  if (rest.some((byte) => byte !== 0)) throw new Error("an envelope: the trailer's padding");
  return { login: values[0].toString("utf8"), fingerprint: values[1], signature: values[2] };
}

function unpad(plain, length, padded) {
  if (!padded) {
    if (length !== undefined && length !== plain.length) throw new Error("an envelope: its length");
    return plain;
  }
  if (padme(length) !== plain.length || plain.subarray(length).some((byte) => byte !== 0)) throw new Error("an envelope: its padding");
  return plain.subarray(0, length);
}
