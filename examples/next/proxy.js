// The policy. Next.js starts its pages by inline scripts, which get a nonce.
import { NextResponse } from "next/server";

// What `next dev` wants besides, for its own tools: never in production.
const [script, style] = process.env.NODE_ENV === "development" ? [" 'unsafe-eval'", " 'unsafe-inline'"] : ["", ""];

export function proxy(request) {
  const nonce = btoa(crypto.randomUUID());
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}' 'wasm-unsafe-eval'${script}`,
    "worker-src 'self'",
    "connect-src 'self'",
    `style-src 'self'${style}`,
    "font-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const headers = new Headers(request.headers);
  headers.set("content-security-policy", policy);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", policy);
  return response;
}
