// Bytes from base64, for what lies inside the JavaScript. Used at packaging time only.

/**
 * @param {string} base64
 * @returns {Uint8Array}
 */
export function decoded(base64) {
  if (typeof Uint8Array.fromBase64 === "function") return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
