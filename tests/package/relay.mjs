// The relay of programs that run over HTTP: one in this process, or the one that REGRANT_TEST_RELAY names.
import { createServer } from "node:http";
import { fromPackage } from "../tools/from-package.mjs";

const { createRelay, memoryStorage } = await fromPackage("relay-server/index.js");

/**
 * `streams(run)`: how many connections wait for changes in a run; `undefined` where that cannot be seen.
 *
 * @returns {Promise<{ address: string, streams(run: string): number | undefined, close(): Promise<void> }>}
 */
export async function relayForTests() {
  const given = process.env.REGRANT_TEST_RELAY;
  if (given) return { address: given.replace(/\/$/, ""), streams: () => undefined, close: async () => {} };
  const relay = createRelay({ storage: memoryStorage(), dev: true });
  const open = new Set();
  const server = createServer((request, response) => {
    if (request.method === "GET" && request.url.endsWith("/changes")) {
      const entry = { url: request.url };
      open.add(entry);
      response.once("close", () => open.delete(entry));
    }
    void relay.listener(request, response);
  });
  await new Promise((done, failed) => server.once("error", failed).listen(0, "127.0.0.1", done));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    streams: (run) => [...open].filter(({ url }) => url.includes(run)).length,
    async close() {
      await relay.close();
      await new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      });
    },
  };
}
