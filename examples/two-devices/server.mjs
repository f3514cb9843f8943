// A server for trying out: the page, built as it is asked for, and a relay for whoever can reach this machine's own address.
// The rules of who may write what run here; docs/guides/relay.md says what else a relay for others wants.
import { createServer } from "node:http";
import { openRelay } from "regrant";
import { createServer as createVite } from "vite";

// In memory, for trying out; with `{ directory }` or `{ storage }` it stays.
const relay = await openRelay({ relayId: "example-two-devices" });
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
async function answer(request, response, [what, item, name], basis) {
  const send = (status, bytes) => response.writeHead(status, { "cache-control": "no-store" }).end(bytes);
  const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization) ?? [];
  if (what === "call" && request.method === "POST") {
    return send(200, JSON.stringify(await relay.call(token, JSON.parse(await body(request)))));
  }
  if (what !== "parts") return send(404);
  if (request.method === "PUT") return send(204, void (await relay.putParts(token, item, [[name, await body(request)]])));
  const [bytes] = await relay.getParts(token, item, basis, [name]);
  return bytes === undefined ? send(204) : send(200, bytes);
}

/** Tells what the relay refused with; what else is wrong with a request says nothing. */
function refuse(response, { name, code, message, logins }) {
  const said = name === "RegrantError" ? JSON.stringify({ code, message, logins }) : "";
  response.writeHead(400, { "content-type": "application/json" }).end(said);
}

const vite = await createVite({ server: { middlewareMode: true }, appType: "spa" });
const server = createServer((request, response) => {
  if (!isOurs(request, server.address().port)) return void response.writeHead(403).end();
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const [, where, ...path] = pathname.split("/");
  if (where !== "relay") return vite.middlewares(request, response);
  answer(request, response, path, searchParams.get("basis")).catch((error) => refuse(response, error));
});
server.listen(Number(process.env.PORT ?? 5173), "127.0.0.1", () => {
  console.log(`Open http://127.0.0.1:${server.address().port}/ in two browser profiles: one for each person.`);
  console.log("What the relay keeps is in memory: after a restart, begin anew with “I lost my keys”.");
});
