// How a client hears of changes: over a stream, or by asking where streams are held back; and that it goes on through
// whatever ends them.
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { QUICK, client, json, server, until } from "./support.mjs";

const LOGIN = { op: "loginSecret", login: "alice", secret: "x" };
const session = (token) => ({ reply: "session", token, fingerprint: "f", expires: 1 });

const open = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/**
 * A relay that logs in with the tokens `t1`, `t2` …, and gives each question for changes to the next of `acts`. `told`: how
 * often the listener heard.
 */
async function listening(acts, timing = {}) {
  let tokens = 0;
  const changes = [];
  const one = await server(async (heard, response, request) => {
    if (heard.path.endsWith("/call")) return json(response, 200, JSON.parse(heard.body).map(({ op }) => (op === "loginSecret" ? session(`t${++tokens}`) : { reply: "done" })));
    changes.push(heard);
    await (acts.length > 1 ? acts.shift() : acts[0])(heard, response, request);
  });
  const relay = client(one.url, { timing: { ...QUICK, ...timing } });
  const seen = { told: 0 };
  const stop = relay.subscribe("alice", () => void seen.told++);
  open.push(relay, one);
  return { relay, changes, seen, stop, logIn: () => relay.call(undefined, [LOGIN]) };
}

const begin = (response) => response.writeHead(200, { "content-type": "text/event-stream" });
const event = (response, name, head) => response.write(`event: ${name}\ndata: ${JSON.stringify({ login: "alice", head })}\n\n`);

/** Streams that stay, so that a test can write to them. */
function staying() {
  const streams = [];
  return [streams, (_, response) => (begin(response), event(response, "open", 7), void streams.push(response))];
}

describe("hearing of changes", { timeout: 60_000 }, () => {
  test("begins with a session, and ends when nobody listens", async () => {
    const [streams, stay] = staying();
    const { changes, seen, stop, logIn } = await listening([stay]);
    assert.equal(changes.length, 0);
    await logIn();
    const stream = await until(() => streams[0], "no stream was opened");
    assert.deepEqual([changes[0].method, changes[0].path, changes[0].headers.accept, changes[0].headers.authorization], ["GET", "/v1/clinic/changes", "text/event-stream", "Bearer t1"]);
    await until(() => seen.told === 1, "the first event was not heard: something may have changed before");
    // A comment, an event in pieces, the same number again, and one more.
    stream.write(":\n\n");
    stream.write("event: change\nda");
    stream.write('ta: {"login":"alice","head":8}\n\nevent: change\n');
    await until(() => seen.told === 2, "a change was not heard");
    stream.write('data: {"login":"alice","head":8}\n\n');
    event(stream, "change", 9);
    await until(() => seen.told === 3, "the next change was not heard");
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stop();
    await closed;
    assert.equal(changes.length, 1);
  });

  test("goes on after whatever ended a stream, and looks for what happened meanwhile", async () => {
    const [streams, stay] = staying();
    const breaks = (_, __, request) => request.socket.destroy();
    const down = (_, response) => response.writeHead(503).end();
    const { changes, seen, logIn } = await listening([stay, breaks, down, stay]);
    await logIn();
    (await until(() => streams[0], "no stream was opened")).end();
    const again = await until(() => streams[1], "no stream was opened again");
    assert.equal(changes.length, 4);
    event(again, "change", 8);
    await until(() => seen.told === 2, "a change after that was not heard");
  });

  test("says when the relay is not reached, and when it is again", async () => {
    const [streams, stay] = staying();
    const breaks = (_, __, request) => request.socket.destroy();
    const { relay, logIn } = await listening([breaks, breaks, breaks, breaks, stay]);
    const told = [];
    relay.watch((news) => told.push(news));
    await logIn();
    await until(() => streams.length > 0, "no stream was opened");
    await until(() => told.length === 2, "nothing was told");
    assert.deepEqual(told, ["offline", "online"]);
  });

  test("of a session that ended makes who listens ask, and goes on with the next session", async () => {
    const [streams, stay] = staying();
    const ended = (_, response) => json(response, 401, { refused: "ERR_UNAUTHENTICATED", message: "it has ended" });
    const { changes, seen, logIn } = await listening([ended, stay]);
    await logIn();
    await until(() => seen.told === 1, "nobody was told to ask");
    assert.equal(changes.length, 1);
    await logIn();
    await until(() => streams.length === 1, "no stream was opened for the next session");
    assert.equal(changes[1].headers.authorization, "Bearer t2");
  });

  test("asks instead where a stream is held back", async () => {
    const held = (_, response) => begin(response).flushHeaders();
    const heads = [5, 6];
    const polls = (_, response) => (heads.length > 0 ? json(response, 200, { login: "alice", head: heads.shift() }) : undefined);
    const { changes, seen, logIn } = await listening([held, polls], { firstByte: 100 });
    await logIn();
    await until(() => changes.length === 4, "it was not asked on and on");
    assert.equal(seen.told, 2);
    assert.deepEqual(changes.slice(1).map(({ path, headers }) => [path.split("?")[1], headers.accept]), ["after=0&wait=0", "after=5&wait=25", "after=6&wait=25"].map((query) => [query, "application/json"]));
  });

  test("asks instead where there is something else than a stream", async () => {
    const other = (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>");
    const polls = (_, response) => json(response, 200, { login: "alice", head: 5 });
    const { seen, logIn } = await listening([other, polls]);
    await logIn();
    await until(() => seen.told === 1, "it was not asked");
  });

  test("takes a silent stream for one that is gone", async () => {
    const [streams, stay] = staying();
    const { logIn } = await listening([stay], { silence: 100 });
    await logIn();
    await until(() => streams.length === 2, "the stream was not opened again");
  });
});
