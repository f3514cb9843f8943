// A server for trying out, on this machine alone: the page, built as it is asked for; the application's own accounts; and a
// relay, which lets in whom the accounts vouch for. It needs Node 22.13 or later, which has SQLite.
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { createRelay, sqliteStorage } from "regrant/relay";
import { RelayServer } from "regrant/server";
import { createServer as createVite } from "vite";
import { Accounts } from "./accounts.mjs";

const port = Number(process.env.PORT ?? 5173);
const folder = process.env.DATA ?? "data";
const application = "example-two-devices";
const address = `http://127.0.0.1:${port}`;
mkdirSync(folder, { recursive: true });

// Tokens last for hours, so a key for each start will do. One that several servers sign with is kept as a secret is.
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const key = privateKey.export({ type: "pkcs8", format: "pem" });
const vouching = new RelayServer({ relay: `${address}/relay`, application, key });
const accounts = new Accounts(`${folder}/accounts.json`, (login) => vouching.createUserToken(login, { lifetimeSeconds: 600 }));

const relay = createRelay({
  storage: sqliteStorage(`${folder}/relay.db`),
  publicUrl: `${address}/relay`,
  // Nobody registers a login, or begins its keys anew, who is not logged in to the application as that user.
  tenants: { [application]: { keys: [publicKey.export({ type: "spki", format: "pem" })], registration: "token", reset: "token" } },
});

// The page's files, and not what the relay keeps.
const vite = await createVite({ server: { middlewareMode: true, fs: { deny: ["**/data/**"] } }, appType: "spa" });
const server = createServer((request, response) => {
  // By its host's name, so that a site whose name is made to lead here is not taken for this page.
  if (request.headers.host !== `127.0.0.1:${port}`) return void response.writeHead(403).end(`open ${address}/`);
  if (request.url.startsWith("/relay/")) return void relay.listener(request, response);
  if (request.url.startsWith("/account/")) return void accounts.listener(request, response);
  vite.middlewares(request, response);
});
server.listen(port, "127.0.0.1", () => console.log(`Open ${address}/ in two browser profiles: one for each person.`));
