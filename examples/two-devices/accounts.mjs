// What stands for your application's own accounts: a password, of which only a hash is kept, a cookie for whoever logged in,
// and a code for whoever forgot it. It never sees what opens anybody's keys.
import { randomBytes, randomInt, scryptSync, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { json } from "node:stream/consumers";

const CODE_LASTS_MS = 10 * 60_000;
const TRIES = 5;

const hash = (secret, salt) => scryptSync(secret, Buffer.from(salt, "hex"), 32);

export class Accounts {
  #file;
  #vouch;
  /** By login: the hash of its secret, with the salt. */
  #accounts;
  /** By cookie: the login. */
  #sessions = new Map();
  /** By login: a code, how often it may be tried, and until when. */
  #codes = new Map();

  /** @param {(login: string) => Promise<string>} vouch makes a token for somebody who is logged in */
  constructor(file, vouch) {
    this.#file = file;
    this.#vouch = vouch;
    this.#accounts = new Map(existsSync(file) ? Object.entries(JSON.parse(readFileSync(file, "utf8"))) : []);
  }

  /** Answers what is posted to `/account/…`. */
  listener = async (request, response) => {
    try {
      const answer = await this.#answer(request, new URL(request.url, "http://localhost").pathname);
      response.writeHead(answer.status ?? 200, { "content-type": "application/json", "cache-control": "no-store", ...answer.headers });
      response.end(JSON.stringify(answer.body ?? {}));
    } catch {
      response.writeHead(400).end();
    }
  };

  async #answer(request, path) {
    // What a form or a script of another site cannot send without asking first.
    if (request.method !== "POST" || request.headers["content-type"] !== "application/json") return { status: 415 };
    if (!(Number(request.headers["content-length"]) <= 4096)) return { status: 413 };
    const { login, secret, code } = await json(request);
    if (path === "/account/token") return this.#token(request);
    if (typeof login !== "string" || login === "" || login.length > 256) return { status: 400 };
    if (path === "/account/forgot") return this.#forgot(login);
    if (typeof secret !== "string" || secret.length < 32) return { status: 400 };
    if (path === "/account/login") return this.#logIn(login, secret);
    if (path === "/account/reset") return this.#reset(login, secret, code);
    return { status: 404 };
  }

  /** A login that is new is registered. */
  #logIn(login, secret) {
    if (!this.#accounts.has(login)) this.#set(login, secret);
    const { salt, hashed } = this.#accounts.get(login);
    return timingSafeEqual(hash(secret, salt), Buffer.from(hashed, "hex")) ? this.#begin(login) : { status: 401 };
  }

  #begin(login) {
    const cookie = randomBytes(32).toString("base64url");
    this.#sessions.set(cookie, login);
    return { headers: { "set-cookie": `account=${cookie}; HttpOnly; SameSite=Strict; Path=/account/` } };
  }

  async #token(request) {
    const [, cookie] = /(?:^|; )account=([\w-]+)/.exec(request.headers.cookie ?? "") ?? [];
    const login = this.#sessions.get(cookie);
    return login === undefined ? { status: 401 } : { body: { token: await this.#vouch(login) } };
  }

  /** Yours goes by mail. Whether there is such an account is nobody's business. */
  #forgot(login) {
    if (this.#accounts.has(login)) {
      const code = String(randomInt(1_000_000)).padStart(6, "0");
      this.#codes.set(login, { code, tries: TRIES, until: Date.now() + CODE_LASTS_MS });
      console.log(`To ${JSON.stringify(login)}: your code is ${code}`);
    }
    return {};
  }

  #reset(login, secret, code) {
    const sent = this.#codes.get(login);
    if (!sent || sent.until < Date.now() || sent.tries-- === 0 || sent.code !== code) return { status: 401 };
    this.#codes.delete(login);
    for (const [cookie, whose] of this.#sessions) if (whose === login) this.#sessions.delete(cookie);
    this.#set(login, secret);
    return this.#begin(login);
  }

  #set(login, secret) {
    const salt = randomBytes(16).toString("hex");
    this.#accounts.set(login, { salt, hashed: hash(secret, salt).toString("hex") });
    writeFileSync(`${this.#file}.new`, JSON.stringify(Object.fromEntries(this.#accounts)), { mode: 0o600 });
    renameSync(`${this.#file}.new`, this.#file);
  }
}
