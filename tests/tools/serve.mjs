// A static server on this machine only, with the content security policy that the package promises to work under.
//
//   node tests/tools/serve.mjs FOLDER [--port N] [--while-stdin]
//
// prints its address; without a port, any free one; with --while-stdin it ends with the program that started it.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, resolve } from "node:path";
import { argv } from "node:process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".wasm": "application/wasm",
};

/** Where browsers tell of what the policy forbade: also of what no script of the page hears about, as in workers. */
const REPORTS = "/content-security-policy-violations";

/** Everything from here, no inline script or style, WebAssembly allowed. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  `report-uri ${REPORTS}`,
].join("; ");

/**
 * Serves a folder on 127.0.0.1. `violations`: what browsers reported of the policy (to `reports`); `fresh()`: the same at another address,
 * which to browsers is another origin, without anything stored.
 *
 * @param {string} folder
 * @param {{ port?: number, headers?: Record<string, string>, types?: Record<string, string> }} [options]
 * @returns {Promise<{ address: string, reports: string, requests: string[], violations: string[], fresh(): Promise<string>, close(): Promise<void> }>}
 */
export async function serve(folder, { port = 0, headers = {}, types = {} } = {}) {
  const root = resolve(folder);
  const requests = [];
  const violations = [];
  const answer = async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    if (path === REPORTS) {
      violations.push(await text(request));
      response.writeHead(204).end();
      return;
    }
    requests.push(path);
    const file = join(root, normalize(path.endsWith("/") ? `${path}index.html` : path));
    const found = file.startsWith(root) && (await stat(file).catch(() => null))?.isFile();
    for (const [name, value] of Object.entries({
      "content-security-policy": CONTENT_SECURITY_POLICY,
      "cross-origin-opener-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cache-control": "no-cache",
      ...headers,
    })) {
      response.setHeader(name, value);
    }
    if (!found) {
      // Browsers ask for an icon by themselves; a page without one is no error.
      response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
      return;
    }
    const type = types[extname(file)] ?? TYPES[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type });
    createReadStream(file).pipe(response);
  };
  const servers = [];
  const listen = async (wanted) => {
    const server = createServer(answer);
    await new Promise((done, failed) => server.once("error", failed).listen(wanted, "127.0.0.1", done));
    servers.push(server);
    return `http://127.0.0.1:${server.address().port}/`;
  };
  const end = (server) =>
    new Promise((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  const address = await listen(port);
  return {
    address,
    reports: new URL(REPORTS, address).href,
    requests,
    violations,
    fresh: () => listen(0),
    close: () => Promise.all(servers.splice(0).map(end)).then(() => {}),
  };
}

if (argv[1] && resolve(argv[1]) === fileURLToPath(import.meta.url)) {
  const at = argv.indexOf("--port");
  const folder = argv[2];
  const port = at > 0 ? Number(argv[at + 1]) : 0;
  const served = await serve(folder, { port }).catch((error) => {
    console.error(error.code === "EADDRINUSE" ? `port ${port} is taken: choose another with --port` : error.message);
    process.exit(1);
  });
  if (argv.includes("--while-stdin")) process.stdin.on("end", () => process.exit()).resume();
  console.log(served.address);
}
