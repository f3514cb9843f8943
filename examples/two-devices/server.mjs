// A server for trying out: the page, built as it is asked for, and what the relay keeps, for whoever can reach this
// machine's own address. An application puts its log-in before it: see docs/guides/relay.md for what that is about.
import { createServer } from "node:http";
import { createServer as createVite } from "vite";
import { Records } from "./records.mjs";

const records = new Records();
const methods = new Set(["get", "list", "commit", "countParts", "dropParts"]);
const LONGEST = 32 << 20;
/** What a request says that it holds. A page of another site cannot send these without asking first, and is not answered. */
const TYPES = { POST: "application/json", PUT: "application/octet-stream" };

/**
 * Whether a request is from the page that this server gives: its host by name, so that a site whose name is made to lead
 * here is not taken for it, and its content type.
 */
function isOurs(request, port) {
  const type = TYPES[request.method];
  return (
    [`127.0.0.1:${port}`, `localhost:${port}`].includes(request.headers.host) &&
    (type === undefined || request.headers["content-type"] === type)
  );
}

async function body(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > LONGEST) throw new Error("too long");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Answers what is for the relay. */
async function answer(request, response, [what, first, second]) {
  const send = (status, bytes) => response.writeHead(status, { "cache-control": "no-store" }).end(bytes);
  if (what === "call" && request.method === "POST" && methods.has(first)) {
    return send(200, JSON.stringify(records[first](...JSON.parse(await body(request))) ?? null));
  }
  if (what === "part" && request.method === "PUT") return send(204, void records.putPart(first, second, await body(request)));
  if (what !== "part") return send(404);
  const bytes = records.getPart(first, second);
  return bytes === undefined ? send(204) : send(200, bytes);
}

const vite = await createVite({ server: { middlewareMode: true }, appType: "spa" });
const server = createServer((request, response) => {
  if (!isOurs(request, server.address().port)) return void response.writeHead(403).end();
  const [, where, ...path] = new URL(request.url, "http://localhost").pathname.split("/").map(decodeURIComponent);
  if (where !== "relay") return vite.middlewares(request, response);
  answer(request, response, path).catch(() => response.writeHead(400).end());
});
server.listen(Number(process.env.PORT ?? 5173), "127.0.0.1", () => {
  console.log(`Open http://127.0.0.1:${server.address().port}/ in two browser profiles: one for each person.`);
  console.log("What the relay keeps is in memory: after a restart, begin anew with “I lost my keys”.");
});
