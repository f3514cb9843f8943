// Stores of text: whatever rests there, no key is readable in it. Every secret key that is handed to WebCrypto while
// sessions begin, lock and unlock is noted, and looked for in all its spellings.
import { Regrant, generateKeyPair } from "regrant";
import { places, replaced, spellings } from "../places.mjs";

const hex = (bytes) => Array.from(new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength), (byte) => byte.toString(16).padStart(2, "0")).join("");

export default async function ({ equal, ok, place, vault }) {
  const keyPair = await generateKeyPair({ modulusLength: 2048 });
  for (const { kind, store, read, remove } of (await places(place, "text")).filter(({ keeps }) => !keeps)) {
    const secrets = new Map([["vault", hex(Uint8Array.from(atob(vault("secret").vaultSecret.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0)))]]);
    const noting = (importKey) => function (format, data, algorithm, ...rest) {
      // Public keys come as SPKI, or raw ones of Ed25519 and X25519.
      const secret = format === "pkcs8" || (format === "raw" && /HKDF|AES|HMAC/.test(algorithm.name ?? algorithm));
      if (secret) secrets.set(`${algorithm.name ?? algorithm} ${secrets.size}`, hex(data));
      return importKey.call(this, format, data, algorithm, ...rest);
    };
    // Keys of keysets are random, and never leave the WebAssembly.
    const drawing = (getRandomValues) => function (array) {
      const drawn = getRandomValues.call(this, array);
      if (drawn.byteLength === 32) secrets.set(`random ${secrets.size}`, hex(drawn));
      return drawn;
    };
    const watched = (work) => replaced(Crypto.prototype, "getRandomValues", drawing, () => replaced(SubtleCrypto.prototype, "importKey", noting, work));
    const text = await watched(async () => {
      const regrant = await Regrant.open({ application: "regrant", store, name: "text" });
      const alice = await regrant.connect({ login: `alice ${kind}`, ...vault("secret") });
      const carol = await regrant.connect({ login: `carol ${kind}`, keyPair });
      const { bytes } = await alice.encrypt("PLAINTEXT", { shareWith: [carol.login], metadata: { note: "METADATA" } });
      await carol.decrypt(bytes);
      await carol.trust.verify(alice.login, await alice.trust.verificationCode(alice.login));
      await carol.lock();
      await carol.unlock({ keyPair });
      await alice.identities.renewKeys();
      const everything = place === "browser" ? Object.entries(localStorage) : [];
      return JSON.stringify([Object.entries(await read()), everything]).replaceAll("\\", "");
    });
    // A box begins with its salt, which is random too and no secret.
    const boxes = Object.entries(await read()).filter(([key]) => /^(memory|remembered)\//.test(key));
    const salts = boxes.map(([, box]) => hex(Uint8Array.from(atob(box.slice(0, 44).replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0))).slice(0, 64));
    for (const [name, secret] of secrets) if (salts.includes(secret)) secrets.delete(name);
    const kinds = new Set([...secrets.keys()].map((name) => name.split(" ")[0]));
    for (const wanted of ["vault", "RSA-OAEP", "Ed25519", "HKDF", "random"]) ok(kinds.has(wanted), `${kind}: no ${wanted} key was seen`);
    for (const [name, secret] of secrets) {
      // 32 bytes from the middle and from the end: seeds and raw keys are the last 32, numbers of RSA keys are between.
      for (const at of [Math.floor(secret.length / 4) * 2 - 32, secret.length - 64].filter((at) => at >= 0)) {
        for (const way of spellings(secret.slice(at, at + 64))) ok(!text.includes(way), `${kind}: a ${name} key can be read`);
      }
    }
    for (const content of ["PLAINTEXT", "METADATA"]) ok(!text.includes(content), `${kind}: ${content} can be read`);
    ok(!/"(d|p|q|dp|dq|qi)":/.test(text), `${kind}: a private key can be read`);
    ok(spellings(keyPair.publicKey.slice(200, 264)).some((way) => text.includes(way)), `${kind}: what does rest in text is found`);
    equal(text.includes(`session/carol ${kind}`), true);
    remove();
  }
}
