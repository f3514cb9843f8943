// From the requests of Node's own servers to those that a relay takes, and back: for `http.createServer`, Express, and
// whatever else has these.
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/**
 * @param {(request: Request) => Promise<Response>} fetch
 * @returns {(request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => Promise<void>}
 */
export const listenerOf = (fetch) => async (incoming, outgoing) => {
  const over = new AbortController();
  outgoing.once("close", () => over.abort());
  try {
    const response = await fetch(requestOf(incoming, over.signal));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    // What is told as it happens must not wait for more.
    outgoing.flushHeaders();
    if (response.body === null) outgoing.end();
    else await pipeline(Readable.fromWeb(response.body), outgoing);
    // What of a request nobody wanted goes, so that its connection can be used again.
    if (!incoming.complete) incoming.resume();
  } catch (error) {
    // The client went away; or it sent what is no request, and is told nothing.
    if (!over.signal.aborted && !outgoing.headersSent) outgoing.writeHead(400).end();
    else outgoing.destroy(error?.code === "ERR_STREAM_PREMATURE_CLOSE" ? undefined : error);
  }
};

function requestOf(incoming, signal) {
  const { method, headers } = incoming;
  const protocol = incoming.socket.encrypted ? "https" : "http";
  // Express takes the path that it is mounted under away.
  const url = new URL(incoming.originalUrl ?? incoming.url, `${protocol}://${headers.host ?? "localhost"}`);
  const given = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]);
  const body = method === "GET" || method === "HEAD" ? undefined : bodyOf(incoming);
  return new Request(url, { method, headers: given, body, signal, duplex: "half" });
}

/** What comes in, as it is asked for. It ends no connection: whoever is refused in the middle of a request hears why. */
function bodyOf(incoming) {
  const pieces = incoming.iterator({ destroyOnReturn: false });
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(new Uint8Array(value));
      },
      cancel: () => void pieces.return(),
    },
    { highWaterMark: 0 },
  );
}
