// The token with which an application's server vouches for a user: asked for when it is needed, before it ends, and once
// after it was refused. It is read only to see when it ends.
import { RegrantError, badInput } from "../errors.js";

/** So long before it ends a token is asked for anew. */
const BEFORE_MS = 60_000;
const TOKEN = /^[\w.~+/=-]{1,8192}$/;

/** When a token ends, in milliseconds; never, as far as can be told, if it does not say so. */
function endOf(token) {
  try {
    const [, payload] = token.split(".");
    const { exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return Number.isFinite(exp) ? exp * 1000 : Infinity;
  } catch {
    return Infinity;
  }
}

export class UserToken {
  #given;
  #token;
  /** A question under way, which does for all that want to know meanwhile. */
  #asking;

  /** @param {string | ((why: "first" | "expiring" | "refused") => string | Promise<string>)} given */
  constructor(given) {
    this.#given = given;
    if (typeof given === "string") this.#token = checked(given);
  }

  /** One that has not ended, by the clock of this device. */
  async current() {
    if (typeof this.#given === "string") return this.#token;
    if (this.#token === undefined) return this.#ask("first");
    return endOf(this.#token) - Date.now() < BEFORE_MS ? this.#ask("expiring") : this.#token;
  }

  /** Another one in place of one that was refused; `undefined` if there is none. */
  async inPlaceOf(refused) {
    if (typeof this.#given === "string") return undefined;
    return this.#token === refused ? this.#ask("refused") : this.current();
  }

  #ask(why) {
    this.#asking ??= this.#asked(why).finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #asked(why) {
    const ask = this.#given;
    let token;
    try {
      token = await ask(why);
    } catch (cause) {
      throw new RegrantError("ERR_UNAUTHENTICATED", "the application gave no token for its user: see `cause`", { cause });
    }
    return (this.#token = checked(token));
  }
}

function checked(token) {
  if (typeof token !== "string" || !TOKEN.test(token)) throw badInput("token is a token as text, or a function that gives one");
  return token;
}
