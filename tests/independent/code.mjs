// Protocol section 7: the verification code, Signal's construction, and the QR payload.
import { T, sha512, text } from "./transcript.mjs";

export function verificationCode(login, fingerprint) {
  const start = T("code", fingerprint, text(login));
  let h = start;
  for (let n = 0; n < 5200; n += 1) h = sha512(h, start);
  const group = (n) => h.readUIntBE(5 * n, 5) % 100_000;
  return [0, 1, 2, 3, 4, 5].map((n) => String(group(n)).padStart(5, "0")).join(" ");
}

export const qrPayload = (login, fingerprint) =>
  `regrant:verify:1:${text(login).toString("base64url")}:${fingerprint.toString("hex")}`;
