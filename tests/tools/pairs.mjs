// RSA pairs for tests, made once and kept beside what is built: making one takes a core up to seconds, and is no test of
// anything that the programs test. `usePairs` gives them to whoever asks WebCrypto for one.
import { generateKeyPair } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** How many there are, by the modulus' length in bits. */
const COUNTS = { 2048: 8, 3072: 24 };
const file = process.env.REGRANT_PAIRS ?? fileURLToPath(new URL("../../target/test-pairs.json", import.meta.url));

async function make(modulusLength) {
  const encoding = (type) => ({ type, format: "der" });
  const how = { modulusLength, publicKeyEncoding: encoding("spki"), privateKeyEncoding: encoding("pkcs8") };
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", how);
  return { spki: publicKey.toString("base64"), pkcs8: privateKey.toString("base64") };
}

/** All pairs, as package/runner/pairs.mjs takes them. */
export async function pairs() {
  const kept = await readFile(file, "utf8").then(JSON.parse, () => ({}));
  if (Object.entries(COUNTS).every(([length, count]) => kept[length]?.length === count)) return kept;
  const all = Object.entries(COUNTS).map(async ([length, count]) => [length, await Promise.all(Array.from({ length: count }, () => make(Number(length))))]);
  const made = Object.fromEntries(await Promise.all(all));
  await mkdir(dirname(file), { recursive: true });
  // Whole or not at all: another process may do the same.
  await writeFile(`${file}.${process.pid}`, JSON.stringify(made));
  await rename(`${file}.${process.pid}`, file);
  return made;
}
