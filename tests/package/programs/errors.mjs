// Whatever fails: no secret and no plaintext stands in an error, in what it came from, or in the console.
import { Regrant, combineShares, deriveSecrets, generateKeyPair, splitSecret } from "regrant";
import { createRelay } from "regrant/testing";
import { hex, unbase64, unhex } from "../memory.mjs";

const PLAINTEXT = "PLAINTEXT that only its readers should ever see";
const PASSWORD = "correct horse battery staple, and more";
const utf8 = (text) => new TextEncoder().encode(text);

/** Twelve bytes of a secret in every way in which they may be written. */
function spellings(secret) {
  return [0, 1, 2, secret.length - 12].flatMap((from) => {
    const part = secret.slice(from, from + 12);
    const raw = String.fromCharCode(...part);
    const base64 = btoa(raw);
    return [hex(part), hex(part).toUpperCase(), raw, base64, base64.replaceAll("+", "-").replaceAll("/", "_"), [...part].join(","), [...part].join(", ")];
  });
}

/** All that an error says, and all that it came from. */
function said(error, depth = 0) {
  if (depth > 5 || typeof error !== "object" || error === null) return String(error);
  const own = Object.getOwnPropertyNames(error).map((name) => `${name}: ${name === "cause" ? "" : String(error[name])}`);
  return [String(error), error.message, error.stack, JSON.stringify(error), ...own, "cause" in error ? said(error.cause, depth + 1) : ""].join("\n");
}

export default async function ({ ok, equal, vault }) {
  const printed = [];
  for (const name of ["log", "info", "warn", "error", "debug", "trace", "dir"]) {
    console[name] = (...what) => printed.push(...what.map((one) => said(one)));
  }
  const secrets = { one: vault("the first one"), two: vault("the other") };
  const pair = await generateKeyPair({ modulusLength: 2048 });
  const other = await generateKeyPair({ modulusLength: 2048 });
  const known = {
    one: unbase64(secrets.one.vaultSecret),
    two: unbase64(secrets.two.vaultSecret),
    // Past the first bytes, which every key begins with.
    pkcs8: unhex(pair.privateKey).slice(700, 800),
    plaintext: utf8(PLAINTEXT),
    password: utf8(PASSWORD),
  };
  const outcomes = [];
  const fails = async (what, call) => {
    try {
      await call();
    } catch (error) {
      outcomes.push([what, said(error)]);
      return;
    }
    throw new Error(`${what} did not fail`);
  };

  for (const engine of ["webcrypto", "rust"]) {
    const relay = createRelay();
    const open = () => Regrant.open({ application: "regrant", engine, relay, store: "memory", name: `errors-${engine}` });
    const regrant = await open();
    const alice = await regrant.connect({ login: "alice", ...secrets.one });
    const bob = await regrant.connect({ login: "bob", keyPair: pair });
    const { bytes } = await alice.encrypt(PLAINTEXT, { metadata: { note: PLAINTEXT } });
    const harmed = bytes.slice();
    harmed[harmed.length - 1] ^= 1;
    await fails("another secret", () => regrant.connect({ login: "alice", ...secrets.two }));
    await fails("another pair", () => regrant.connect({ login: "bob", keyPair: other }));
    await fails("halves that do not fit", () => regrant.connect({ login: "carol", keyPair: { publicKey: other.publicKey, privateKey: pair.privateKey } }));
    await fails("a private key that is cut", () => regrant.connect({ login: "carol", keyPair: { ...pair, privateKey: pair.privateKey.slice(0, -2) } }));
    await fails("a private key as the public one", () => regrant.connect({ login: "carol", keyPair: { ...pair, publicKey: pair.privateKey } }));
    await fails("a secret that is too long", () => regrant.connect({ login: "carol", vaultSecret: `${secrets.one.vaultSecret}AAAA` }));
    await fails("a secret as a login", () => regrant.connect({ login: `\u0000`, ...secrets.one }));
    await fails("two secrets at once", () => regrant.connect({ login: "carol", ...secrets.one, keyPair: pair }));
    await fails("no access", () => bob.decrypt(bytes));
    await fails("harmed bytes", () => alice.decrypt(harmed));
    await fails("an unknown recipient", () => alice.encrypt(PLAINTEXT, { shareWith: ["nobody"] }));
    await fails("metadata that is no object", () => alice.encrypt(PLAINTEXT, { metadata: PLAINTEXT }));
    relay.misbehave("unavailable");
    await fails("a relay that is gone", () => alice.encrypt(PLAINTEXT, { shareWith: ["bob"] }));
    relay.behave();
    await alice.lock();
    await fails("locked", () => alice.decrypt(bytes));
    await fails("unlocked with another secret", () => alice.unlock(secrets.two));
  }
  await fails("a weak derivation", () => deriveSecrets(PASSWORD, { application: "a", login: "b", kdf: { name: "pbkdf2", iterations: 1 } }));
  const shares = await splitSecret(known.one, { threshold: 2, shares: 3 });
  await fails("too few shares", () => combineShares([shares[0]]));

  ok(outcomes.length > 20);
  for (const [name, secret] of Object.entries(known)) {
    const ways = spellings(secret);
    ok(ways.some((way) => `x${secret.join(", ")}`.includes(way)), "the search finds what is there");
    for (const [what, text] of outcomes) equal(ways.find((way) => text.includes(way)), undefined, `${what}: ${name} in ${text}`);
    for (const text of printed) equal(ways.find((way) => text.includes(way)), undefined, `${name} in the console: ${text}`);
  }
}
