// Servers on this machine that do what a test says, request by request, and a client of a relay without any keys.
import { once } from "node:events";
import { createServer } from "node:http";
import { fromPackage } from "../tools/from-package.mjs";

const { HttpRelay } = await fromPackage("relay/http.js");

/** Quick, so that tests need not wait: as long, and as often, in proportion. */
export const QUICK = { patience: 1_500, between: { least: 1, first: 5, most: 50 } };

export const json = (response, status, value, headers = {}) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));

/** Answers of a relay that does everything. */
export const done = (operations) => operations.map(() => ({ reply: "done" }));

/**
 * A server that hands each request to the next of `acts`, the last of which is for all that follow. An act gets the
 * request as it was heard (`{ method, path, headers, body }`), the response, and the request itself.
 */
export async function server(...acts) {
  const heard = [];
  const made = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const { method, url: path, headers } = request;
    const one = { method, path, headers, body: Buffer.concat(pieces), at: performance.now() };
    heard.push(one);
    const act = acts.length > 1 ? acts.shift() : acts[0];
    await act(one, response, request);
  });
  made.on("clientError", () => {});
  made.listen(0, "127.0.0.1");
  await once(made, "listening");
  return {
    heard,
    acts,
    url: new URL(`http://127.0.0.1:${made.address().port}`),
    async close() {
      made.close();
      made.closeAllConnections();
      if (made.listening) await once(made, "close");
    },
  };
}

/** Does everything that it is asked. */
export const works = ({ body }, response) => json(response, 200, done(JSON.parse(body)));

export const client = (url, o = {}) => new HttpRelay({ url, application: "clinic", timing: QUICK, ...o });

/** What a promise rejects with. */
export async function failing(promise) {
  const value = await promise.then((value) => value, (error) => error);
  if (!(value instanceof Error)) throw new Error(`expected a rejection, got ${JSON.stringify(value)}`);
  return value;
}

/** Waits until something is so; a minute at most. */
export async function until(condition, what) {
  for (const end = performance.now() + 60_000; performance.now() < end; ) {
    const found = await condition();
    if (found) return found;
    await new Promise((resume) => setTimeout(resume, 5));
  }
  throw new Error(`${what} (waited for a minute)`);
}
