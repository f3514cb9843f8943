// Requests and answers of a relay over HTTP, as docs/http.md says: bodies within their limits, and what is refused with.
import { RegrantError } from "../errors.js";

/** The longest bodies, in bytes. */
export const LONGEST = { call: 8 << 20, put: 20 << 20, get: 64 << 10 };

/** The statuses of refusals. Those of others are a client's own. */
const STATUSES = {
  ERR_UNAUTHENTICATED: 401,
  ERR_TOKEN_EXPIRED: 401,
  ERR_FORBIDDEN: 403,
  ERR_NO_ACCESS: 403,
  ERR_WRONG_SECRET: 403,
  ERR_UNKNOWN_KEY: 403,
  ERR_LOCKED: 403,
  ERR_VERIFICATION_FAILED: 403,
  ERR_NOT_FOUND: 404,
  ERR_IDENTITY_NOT_FOUND: 404,
  ERR_CONFLICT: 409,
  ERR_IDENTITY_EXISTS: 409,
  ERR_BAD_INPUT: 400,
  ERR_UNSUPPORTED_VERSION: 400,
  ERR_TOO_LARGE: 413,
  ERR_RATE_LIMITED: 429,
  ERR_QUOTA: 507,
  ERR_STORE_UNREADABLE: 500,
  ERR_RELAY_UNAVAILABLE: 503,
};
export const statusOf = (code) => STATUSES[code] ?? 500;

const PLAIN = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

export const answer = (status, body, headers) => new Response(body, { status, headers: { ...PLAIN, ...headers } });
export const jsonAnswer = (status, value, headers) => answer(status, JSON.stringify(value), { "content-type": "application/json", ...headers });

/** A request that is refused whole. */
export class Refusal extends Error {
  constructor(code, message, { status = statusOf(code), headers, ...more } = {}) {
    super(message);
    Object.assign(this, { code, status, headers, more });
  }

  get response() {
    return jsonAnswer(this.status, { refused: this.code, message: this.message, ...this.more }, this.headers);
  }
}

/** What stopped a request, as it is told. What else went wrong is for the operator: see `report`. */
export function refusal(error, report) {
  if (error instanceof Refusal) return error;
  if (error instanceof RegrantError) {
    const { code, message, logins } = error;
    if (code === "ERR_RELAY_UNAVAILABLE") report(error);
    return new Refusal(code, message, { ...(logins && { logins }) });
  }
  report(error);
  return new Refusal("ERR_RELAY_UNAVAILABLE", "the relay failed at this request, which is told to its operator", { status: 500 });
}

/** A request's body, of which no more is taken than it may have. */
export async function bodyOf(request, type, limit) {
  const given = request.headers.get("content-type")?.split(";")[0].trim().toLowerCase();
  if (given !== type) throw new Refusal("ERR_BAD_INPUT", `the content type of this request is ${type}`, { status: 415 });
  const tooLarge = (size) => new Refusal("ERR_TOO_LARGE", `a request has at most ${limit} bytes`, { limit, size });
  const said = Number(request.headers.get("content-length") ?? 0);
  if (said > limit) throw tooLarge(said);
  const pieces = [];
  let length = 0;
  for await (const piece of request.body ?? []) {
    length += piece.length;
    if (length > limit) throw tooLarge(length);
    pieces.push(piece);
  }
  return Buffer.concat(pieces, length);
}

/** What a body says as JSON. */
export async function jsonOf(request, limit) {
  const bytes = await bodyOf(request, "application/json", limit);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal("ERR_BAD_INPUT", "this request is no JSON");
  }
}
