// The forger of `regrant/testing`, with a signing key that begins with a zero byte, as one in 256 does: WebKitGTK takes it
// for a number, and refuses it.
import { Regrant, generateKeyPair } from "regrant";
import { createRelay, forger } from "regrant/testing";


const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
const hex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
const lp = (part) => [0, 0, part.length >> 8, part.length & 255, ...part];
const utf8 = (text) => new TextEncoder().encode(text);

/** The first byte of the signing key that a login has with this key pair (docs/protocol.md, section 2). */
async function firstByte({ privateKey }) {
  const key = await crypto.subtle.importKey("pkcs8", hex(privateKey), { name: "RSA-OAEP", hash: "SHA-256" }, true, ["decrypt"]);
  const { n, p, q } = await crypto.subtle.exportKey("jwk", key);
  const numbers = [p, q].map(bytes).map((prime) => Array.from(prime)).sort((a, b) => b.find((byte, at) => byte !== a[at]) - a.find((byte, at) => byte !== b[at]));
  const secret = await crypto.subtle.importKey("raw", Uint8Array.from([bytes(n), ...numbers].flatMap(lp)), "HKDF", false, ["deriveBits"]);
  return async (login) => {
    const info = Uint8Array.from([utf8("regrant/v1/signing-seed"), utf8(login)].flatMap(lp));
    return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info }, secret, 256))[0];
  };
}

export default async function ({ equal, vault }) {
  const keyPair = await generateKeyPair({ modulusLength: 2048 });
  const first = await firstByte(keyPair);
  let login;
  for (let n = 0; login === undefined; n++) if ((await first(`mallory ${n}`)) === 0) login = `mallory ${n}`;

  const relay = createRelay();
  await (await Regrant.open({ application: "regrant", relay, store: "memory" })).connect({ login, keyPair });
  const { keyset } = relay.read(relay.of("identity", login)).keysets[0];
  const forge = await forger(login, keyPair, keyset);
  // What it signs is what the package takes for that login's own.
  relay.write(`${relay.of("statement", login)}/profile`, await forge.statement("profile", 1, JSON.stringify({ kind: "user", name: "Mallory" })));
  const bob = await (await Regrant.open({ application: "regrant", relay, store: "memory" })).connect({ login: "bob", ...vault(1) });
  equal((await bob.identities.get(login)).name, "Mallory");
}
