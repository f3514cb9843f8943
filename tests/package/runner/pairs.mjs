// RSA pairs that were made before the programs began: making one takes a core up to seconds. Whoever asks WebCrypto for a
// pair gets the next of these, and never one twice; when none is left, one is made.

const ALGORITHM = { name: "RSA-OAEP", hash: "SHA-256" };
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** @param {(modulusLength: number) => { spki: string, pkcs8: string } | undefined} next gives a pair of this many bits, in base64 */
export function usePairs(next) {
  const { subtle } = crypto;
  const generate = subtle.generateKey;
  subtle.generateKey = async function generateKey(algorithm, extractable, usages) {
    const pair = algorithm?.name === ALGORITHM.name ? await next(algorithm.modulusLength) : undefined;
    if (!pair) return generate.call(this, algorithm, extractable, usages);
    const may = (own) => usages.filter((usage) => own.includes(usage));
    const [publicKey, privateKey] = await Promise.all([
      subtle.importKey("spki", bytes(pair.spki), ALGORITHM, true, may(["encrypt", "wrapKey"])),
      subtle.importKey("pkcs8", bytes(pair.pkcs8), ALGORITHM, extractable, may(["decrypt", "unwrapKey"])),
    ]);
    return { publicKey, privateKey };
  };
}
