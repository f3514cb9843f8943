// The module's memory, which anything in the page can read: while keys are in use it holds them (the search finds them
// there), after `lock()` and after `disconnect()` it holds none of them, nor any copy.
import { Regrant, generateKeyPair } from "regrant";
import { createRelay } from "regrant/testing";
import { capture, compound, hkdf, int32, list, places, sha256, transcript, unbase64, unbox, unhex, unwrap, uuid } from "../memory.mjs";

const PLAINTEXT = "a sentence that nobody but its readers should know, 0123456789";

/** The numbers of a private RSA key, the seed of the signing key that derives from it, and the key itself. */
async function opened(pair, login) {
  const pkcs8 = unhex(pair.privateKey);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "RSA-OAEP", hash: "SHA-256" }, true, ["decrypt"]);
  const jwk = await crypto.subtle.exportKey("jwk", key);
  const numbers = Object.fromEntries(["n", "d", "p", "q", "dp", "dq", "qi"].map((name) => [name, unbase64(jwk[name])]));
  const [smaller, larger] = [numbers.p, numbers.q].sort(compare);
  const seed = await hkdf(compound(numbers.n, larger, smaller), transcript("signing-seed", login));
  const { n: _, ...secret } = numbers;
  return { key, seed, secret: { ...secret, pkcs8, seed } };
}

/** Primes of one key are as long as each other. */
function compare(a, b) {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? 0 : a[at] - b[at];
}

/** The keys that a key pair opens: the keyset key, what derives from it, exchange keys and data keys. */
async function behind(relay, login, { key }) {
  const { keyset, slots, private: sealed } = relay.read(`identity/${login}`).keysets[0];
  const absent = Uint8Array.of(0);
  const fingerprint = await sha256(transcript("keyset", login, keyset.version, keyset.suite, unbase64(keyset.encryptionKey), unbase64(keyset.signingKey), absent, absent));
  const slot = slots.find(({ kind }) => kind === "keypair");
  const context = transcript("slot", fingerprint, "keypair", uuid(slot.id));
  const message = unbase64(slot.sealed);
  const keysetKey = await unbox(await unwrap(key, context, message.slice(0, 256)), context, message.slice(256));
  // It is the right one: it opens the private part.
  await unbox(keysetKey, transcript("private", fingerprint), unbase64(sealed));
  const out = { keysetKey, restKey: await hkdf(keysetKey, transcript("pins")) };
  for (const name of [...relay.keys].filter((name) => name.startsWith("exchange/"))) {
    const { exchange: x, wraps } = relay.read(name);
    const wrap = wraps.find(({ recipient }) => recipient === keyset.maker.fingerprint);
    if (!wrap) continue;
    const wrapContext = transcript("exchange/wrap", uuid(x.id), x.delegator, x.delegate, unbase64(wrap.recipient), unbase64(x.commitment));
    const exchangeKey = await unwrap(key, wrapContext, unbase64(wrap.wrapped));
    out[`exchange ${x.delegator} ${x.delegate}`] = exchangeKey;
    for (const grantName of [...relay.keys].filter((name) => name.startsWith("grant/"))) {
      const { grant: g } = relay.read(grantName);
      if (g.exchange !== x.id) continue;
      const entries = g.entries.map(([item, version, digest]) => compound(uuid(item), int32(version), unbase64(digest)));
      const grantContext = transcript("grant", uuid(g.id), g.suite, uuid(g.exchange), g.delegate, unbase64(g.grantorFingerprint), list(entries), g.created, absent);
      out[`data key ${g.id}`] = await unbox(exchangeKey, grantContext, unbase64(g.sealed));
    }
  }
  return out;
}

/** What a vault secret derives, as far as that needs no elliptic curve. */
async function derived(relay, login, { vaultSecret }) {
  const vault = unbase64(vaultSecret);
  const slot = relay.read(`identity/${login}`).keysets[0].slots.find(({ kind }) => kind === "password");
  const unlocker = await hkdf(vault, transcript("unlocker", "password", login, uuid(slot.unlocker.id)));
  return { vault, relaySecret: await hkdf(vault, transcript("relay", `embedded:default`)), unlocker };
}

// It looks for what was made where it runs.
export const makesPairs = true;

export default async function ({ equal, ok, vault }) {
  const memories = capture();
  const pair = await generateKeyPair({ modulusLength: 2048 });
  for (const engine of ["rust", "webcrypto"]) {
    for (const end of ["lock", "disconnect"]) {
      const relay = createRelay();
      const regrant = await Regrant.open({ application: "regrant", engine, relay, store: "memory", name: `${engine}-${end}` });
      const secret = vault(`${engine} ${end}, alone`);
      const alice = await regrant.connect({ login: "alice", keyPair: pair });
      const bob = await regrant.connect({ login: "bob", ...secret });
      const { bytes } = await alice.encrypt(PLAINTEXT, { shareWith: ["bob"], sign: true });
      await bob.encrypt("for alice", { shareWith: ["alice"] });
      equal((await alice.decrypt(bytes)).data, PLAINTEXT);
      equal((await bob.decrypt(bytes)).data, PLAINTEXT);

      const numbers = await opened(pair, "alice");
      const wanted = {
        ...numbers.secret,
        ...(await behind(relay, "alice", numbers)),
        ...(await derived(relay, "bob", secret)),
        plaintext: new TextEncoder().encode(PLAINTEXT),
      };
      const found = () =>
        Object.entries(wanted).flatMap(([name, value]) =>
          memories.flatMap((memory, at) => places(memory, value).map((place) => `${name} ${place} of memory ${at}`)),
        );
      ok(memories.length > 0, "no memory was seen");
      // The search finds what is there: keys in use, which only the Rust engine holds here.
      const before = found();
      const kinds = engine === "rust" ? ["p", "q", "d", "seed", "keysetKey", "exchange", "data key"] : ["keysetKey", "exchange", "data key"];
      for (const kind of kinds) ok(before.some((place) => place.startsWith(`${kind} `)), `${engine}: ${kind} is not found: ${before}`);

      await alice[end]();
      await bob[end]();
      const after = found();
      equal(after.length, 0, `${engine}, after ${end}():\n  ${after.join("\n  ")}\n`);
      await regrant.close();
    }
  }
}
