// What went wrong with a request to a relay over HTTP, as an error that says what to do. It sends nothing, and sees neither
// tokens nor what is asked.
import { RegrantError } from "../errors.js";
import { has } from "../environment.js";

/** What is gone as fast as it came: these may be asked again. */
const PASSING = [429, 502, 503, 504];

/** An attempt that failed: the error, whether another attempt may succeed, and in how many milliseconds at the earliest. */
export class Trouble {
  /**
   * @param {RegrantError} error
   * @param {{ again?: boolean, after?: number, away?: boolean }} [how] `away`: nobody who answers for the relay was reached
   */
  constructor(error, { again = false, after, away = false } = {}) {
    Object.assign(this, { error, again, after, away });
  }
}

const unavailable = (message, cause) => new RegrantError("ERR_RELAY_UNAVAILABLE", message, { retryable: true, cause });

/** `fetch` rejected, or the answer ended in the middle. */
export function unreachable(address, cause) {
  const offline = has("navigator") && navigator.onLine === false;
  const why = offline ? "this device is offline" : `check the address, and that the relay runs${inPage() ? IN_A_PAGE : ""}`;
  return new Trouble(unavailable(`the relay at ${address} cannot be reached: ${why}`, cause), { again: true, away: true });
}

const inPage = () => has("document");
const IN_A_PAGE = "; a content security policy must name it in connect-src";

/** It is reached, but does not let this page read what it says. */
export const unreadable = (address, cause) =>
  new Trouble(
    unavailable(`the relay at ${address} is there, and does not answer pages of ${globalThis.origin}: allow this origin there (CORS)`, cause),
    { away: true },
  );

/** It was waited for, and did not answer in time. */
export const tooSlow = (address) =>
  new Trouble(unavailable(`the relay at ${address} did not answer in time: try again, or look at what it does`), { again: true, away: true });

/** How long a `Retry-After` header asks to wait, in milliseconds; `undefined` without one that says so. */
function waitOf(headers) {
  const text = headers.get("retry-after") ?? "";
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/**
 * An answer that is none of a relay's, or refuses the request whole.
 *
 * @param {Response} response
 * @param {unknown} said its body, if that was JSON
 * @param {string} address
 * @param {number} size of what was sent, in bytes
 */
export function refused(response, said, address, size) {
  const { status } = response;
  const after = PASSING.includes(status) ? waitOf(response.headers) : undefined;
  const own = typeof said?.refused === "string" ? said : undefined;
  const again = PASSING.includes(status);
  if (status === 413) return new Trouble(tooLarge(own, address, size));
  if (status === 429) return new Trouble(rateLimited(own, address, after), { again, after });
  if (own) return new Trouble(told(own), { again, after });
  return new Trouble(odd(response, address), { again, after, away: true });
}

/** What the relay itself said. */
function told({ refused, message, logins }) {
  const about = Array.isArray(logins) ? logins : undefined;
  return new RegrantError(refused, String(message ?? "the relay refuses"), { logins: about, retryable: refused === "ERR_RELAY_UNAVAILABLE" });
}

function tooLarge(own, address, size) {
  const proxy = `something in front of the relay at ${address} takes no request of ${size} bytes: let it pass 20 MiB`;
  const limit = Number.isSafeInteger(own?.limit) ? own.limit : undefined;
  return new RegrantError("ERR_TOO_LARGE", own?.message ?? proxy, { size, limit });
}

function rateLimited(own, address, after) {
  const message = own?.message ?? `the relay at ${address} is asked too often`;
  return new RegrantError("ERR_RATE_LIMITED", message, { retryable: true, retryAfter: after ?? 1000 });
}

/** What a relay does not say: a proxy's page, for example. */
function odd({ status, type, headers }, address) {
  const page = headers.get("content-type")?.includes("html") === true;
  if (type === "opaqueredirect" || (status >= 300 && status < 400)) return unavailable(`${address} leads elsewhere: open with the address that it leads to`);
  if (status === 404 || status === 405) return unavailable(`there is no relay at ${address} (${status}): check the address, and the path that it is served under`);
  if ([401, 403, 407].includes(status)) return unavailable(`something in front of the relay at ${address} refuses (${status}): it must let requests to the relay pass`);
  if ([502, 503, 504].includes(status)) return unavailable(`the relay behind ${address} does not run, or is not reached by what stands before it (${status})`);
  if (page) return unavailable(`${address} answers with a web page (${status}), and is no relay: check the address, and for a network that wants a login`);
  return unavailable(`${address} answers with what no relay says (${status}): check the address`);
}
