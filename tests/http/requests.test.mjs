// What a client of a relay over HTTP makes of what happens on the way, and that it does nothing twice.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { client, done, failing, json, server, works } from "./support.mjs";

const WRITE = [{ op: "removeItems", items: [], hard: false }];
const READ = [{ op: "ownKeysets" }];
const key = ({ headers }) => headers["idempotency-key"];
const TOKEN = "secret-session-token";

const servers = [];
after(() => Promise.all(servers.map((one) => one.close())));
async function serving(...acts) {
  const one = await server(...acts);
  servers.push(one);
  return one;
}

describe("a request", { timeout: 60_000 }, () => {
  test("is one for each call, with the token in a header and nowhere else", async () => {
    const one = await serving(works);
    assert.deepEqual(await client(one.url, { application: "a clinic/ü" }).call(TOKEN, [...READ, ...WRITE]), done([1, 2]));
    const [{ method, path, headers, body }, ...more] = one.heard;
    assert.deepEqual(more, []);
    assert.deepEqual([method, path, headers["content-type"], headers.authorization], ["POST", "/v1/a%20clinic%2F%C3%BC/call", "application/json", `Bearer ${TOKEN}`]);
    assert.match(headers["idempotency-key"], /^[\w-]{16,64}$/);
    assert.deepEqual(JSON.parse(body), [...READ, ...WRITE]);
    assert.equal(headers.cookie, undefined);
  });

  test("goes to the path under which a relay is served", async () => {
    const one = await serving(works);
    await client(new URL("/relay/", one.url)).call(undefined, READ);
    assert.equal(one.heard[0].path, "/relay/v1/clinic/call");
    assert.equal(one.heard[0].headers.authorization, undefined);
    assert.equal(key(one.heard[0]), undefined, "what only reads needs no key");
  });

  test("is more than one where one would be too long, each going on with the session of the one before", async () => {
    const one = await serving(({ body }, response) => json(response, 200, JSON.parse(body).map(({ op }) => (op === "loginSecret" ? { reply: "session", token: "fresh" } : { reply: "done" }))));
    const long = (op) => ({ op, login: "alice", text: "x".repeat(3 << 20) });
    const answers = await client(one.url).call(undefined, [long("loginSecret"), long("a"), long("b"), { op: "c" }]);
    assert.deepEqual(answers.map(({ reply }) => reply), ["session", "done", "done", "done"]);
    assert.deepEqual(one.heard.map(({ body }) => JSON.parse(body).map(({ op }) => op)), [["loginSecret"], ["a"], ["b", "c"]]);
    assert.deepEqual(one.heard.map(({ headers }) => headers.authorization), [undefined, "Bearer fresh", "Bearer fresh"]);
    assert.equal(new Set(one.heard.map(key)).size, 3);
    assert.deepEqual(await client(one.url).call(undefined, []), []);
    assert.equal(one.heard.length, 3);
  });

  for (const status of [502, 503, 504]) {
    test(`that meets ${status} is made again, a write by the same key`, async () => {
      const down = (_, response) => response.writeHead(status, { "content-type": "text/html" }).end("<h1>down</h1>");
      const one = await serving(down, down, works);
      assert.deepEqual(await client(one.url).call(TOKEN, WRITE), done(WRITE));
      assert.equal(one.heard.length, 3);
      assert.equal(new Set(one.heard.map(key)).size, 1);
      await client(one.url).call(TOKEN, WRITE);
      assert.notEqual(key(one.heard[3]), key(one.heard[0]), "another call has another key");
    });
  }

  for (const [what, act] of Object.entries({
    "whose connection breaks before it is answered": (_, __, request) => request.socket.destroy(),
    "whose answer breaks off in the middle": (_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write('[{"reply":');
      response.socket.destroySoon();
    },
    "that is answered late": async () => new Promise(() => {}),
  })) {
    test(`${what} is made again`, async () => {
      const one = await serving(act, works);
      // No attempt takes longer than that.
      const relay = client(one.url, { timing: { patience: 3_000, attempt: 300 } });
      assert.deepEqual(await relay.call(TOKEN, WRITE), done(WRITE));
      assert.equal(one.heard.length, 2);
      assert.equal(key(one.heard[0]), key(one.heard[1]));
    });
  }

  test("waits as long as it is told to, and no longer than it has patience", async () => {
    const busy = (after) => (_, response) => response.writeHead(429, { "retry-after": String(after) }).end();
    const one = await serving(busy(1), works);
    await client(one.url, { timing: { patience: 10_000 } }).call(TOKEN, READ);
    assert.ok(one.heard[1].at - one.heard[0].at >= 990, `${one.heard[1].at - one.heard[0].at} ms between`);
    const other = await serving(busy(3_600));
    const error = await failing(client(other.url).call(TOKEN, READ));
    assert.deepEqual([error.code, error.retryAfter, error.retryable], ["ERR_RATE_LIMITED", 3_600_000, true]);
    assert.equal(other.heard.length, 1);
  });

  test("is not made again after the relay is closed", async () => {
    const one = await serving(async () => new Promise(() => {}));
    const relay = client(one.url, { timing: { patience: 60_000 } });
    const waiting = failing(relay.call(TOKEN, READ));
    while (one.heard.length === 0) await new Promise((resume) => setTimeout(resume, 5));
    relay.close();
    assert.equal((await waiting).code, "ERR_RELAY_UNAVAILABLE");
    assert.equal((await failing(relay.call(TOKEN, READ))).code, "ERR_NOT_CONNECTED");
    assert.equal(one.heard.length, 1);
  });

  test("that logs in, and whose first answer was lost, fails in a way that can be tried again", async () => {
    const lost = (_, __, request) => request.socket.destroy();
    const taken = (_, response) => json(response, 401, [{ refused: "ERR_UNAUTHENTICATED", message: "this challenge was taken" }]);
    const one = await serving(lost, taken);
    const login = [{ op: "login", login: "alice" }];
    const error = await failing(client(one.url).call(undefined, login));
    assert.deepEqual([error.code, error.retryable], ["ERR_RELAY_UNAVAILABLE", true]);
    // Refused at the first time, it is what the relay says.
    assert.equal((await client(one.url).call(undefined, login))[0].refused, "ERR_UNAUTHENTICATED");
  });
});

describe("what cannot be helped says what to do", { timeout: 60_000 }, () => {
  const page = (status, headers) => (_, response) => response.writeHead(status, { "content-type": "text/html; charset=utf-8", ...headers }).end("<h1>welcome</h1>");
  const refuse = (status, refused, more) => (_, response) => json(response, status, { refused, message: "said so", ...more });
  const cases = {
    "a web page": [page(200), "ERR_RELAY_UNAVAILABLE", /answers with a web page.*check the address/],
    "a wrong path": [page(404), "ERR_RELAY_UNAVAILABLE", /there is no relay at .*check the address/],
    "JSON that is no relay's": [(_, response) => json(response, 200, { hello: "world" }), "ERR_RELAY_UNAVAILABLE", /what no relay says/],
    "answers that are none": [(_, response) => json(response, 200, ["x", 1]), "ERR_RELAY_UNAVAILABLE", /what no relay says/],
    "a login page": [page(302, { location: "https://login.example/?from=x" }), "ERR_RELAY_UNAVAILABLE", /leads elsewhere/],
    "a gateway that asks who it is": [page(401), "ERR_RELAY_UNAVAILABLE", /something in front of the relay/],
    "a proxy that takes no long requests": [page(413), "ERR_TOO_LARGE", /let it pass 20 MiB/],
    "a relay that takes no longer ones": [refuse(413, "ERR_TOO_LARGE", { limit: 7 }), "ERR_TOO_LARGE", /said so/],
    "an unknown application": [refuse(404, "ERR_NOT_FOUND"), "ERR_NOT_FOUND", /said so/],
    "a key that came with something else": [refuse(422, "ERR_BAD_INPUT"), "ERR_BAD_INPUT", /said so/],
    "a relay behind a proxy that is down": [page(502), "ERR_RELAY_UNAVAILABLE", /does not run, or is not reached/],
  };
  for (const [what, [act, code, message]] of Object.entries(cases)) {
    test(what, async () => {
      const one = await serving(act);
      const error = await failing(client(one.url, { token: () => "secret.user.token" }).call(TOKEN, [{ op: "loginSecret", login: "alice", secret: "relay-secret" }]));
      assert.equal(error.name, "RegrantError");
      assert.deepEqual([error.code], [code], error.message);
      assert.match(error.message, message);
      if (code === "ERR_RELAY_UNAVAILABLE") assert.ok(error.message.includes(one.url.host), error.message);
      if (code === "ERR_TOO_LARGE") assert.equal(typeof error.size, "number");
      for (const secret of [TOKEN, "secret.user.token", "relay-secret"]) assert.ok(!`${error.message} ${error.cause} ${JSON.stringify(error)}`.includes(secret));
      assert.equal(error.message.includes("login.example"), false);
    });
  }

  test("nobody there", async () => {
    const one = await server(works);
    await one.close();
    const error = await failing(client(one.url).call(TOKEN, READ));
    assert.equal(error.code, "ERR_RELAY_UNAVAILABLE");
    assert.match(error.message, /cannot be reached: check the address, and that the relay runs/);
    assert.ok(error.cause instanceof TypeError);
  });
});

describe("whether the relay is reached", { timeout: 60_000 }, () => {
  test("is told when it changes, once", async () => {
    const broken = (_, __, request) => request.socket.destroy();
    const one = await serving(works);
    const relay = client(one.url, { timing: { patience: 100 } });
    const told = [];
    const stop = relay.watch((news) => told.push(news));
    await relay.call(TOKEN, READ);
    assert.deepEqual(told, []);
    one.acts.splice(0, 1, broken);
    await failing(relay.call(TOKEN, READ));
    await failing(relay.call(TOKEN, READ));
    assert.deepEqual(told, ["offline"]);
    // A relay that refuses is there.
    one.acts.splice(0, 1, (_, response) => json(response, 403, [{ refused: "ERR_FORBIDDEN", message: "no" }]));
    await relay.call(TOKEN, READ);
    assert.deepEqual(told, ["offline", "online"]);
    stop();
    one.acts.splice(0, 1, broken);
    await failing(relay.call(TOKEN, READ));
    assert.deepEqual(told, ["offline", "online"]);
  });
});

describe("the application's token", { timeout: 60_000 }, () => {
  const LOGIN = [{ op: "loginSecret", login: "alice", secret: "x" }];
  const brought = ({ headers }) => headers["regrant-user-token"];
  const jwt = (exp) => `x.${Buffer.from(JSON.stringify({ exp })).toString("base64url")}.y`;
  const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;

  test("goes only with what logs in, registers or begins anew", async () => {
    const one = await serving(works);
    const relay = client(one.url, { token: "a.b.c" });
    await relay.call(TOKEN, READ);
    await relay.call(TOKEN, WRITE);
    for (const operation of [LOGIN[0], { op: "login" }, { op: "register" }, { op: "reset" }]) await relay.call(undefined, [...READ, operation]);
    assert.deepEqual(one.heard.map(brought), [undefined, undefined, "a.b.c", "a.b.c", "a.b.c", "a.b.c"]);
  });

  test("is asked for at first, before it ends, and once after it was refused", async () => {
    const refused = (_, response) => json(response, 401, [{ refused: "ERR_TOKEN_EXPIRED", message: "it has ended" }]);
    const one = await serving(works);
    const asked = [];
    const tokens = [jwt(inSeconds(3_600)), jwt(inSeconds(30)), jwt(inSeconds(3_601)), jwt(inSeconds(3_602)), jwt(inSeconds(3_603))];
    const relay = client(one.url, { token: async (why) => (asked.push(why), tokens[asked.length - 1]) });
    await Promise.all([relay.call(undefined, LOGIN), relay.call(undefined, LOGIN)]);
    assert.deepEqual(asked, ["first"], "two at once ask once");
    one.acts.splice(0, 1, refused, works);
    await relay.call(undefined, LOGIN);
    assert.deepEqual(asked, ["first", "refused"]);
    await relay.call(undefined, LOGIN);
    assert.deepEqual(asked, ["first", "refused", "expiring"]);
    // Refused again, it is what the relay said; and the same for one that is refused before anything is looked at.
    one.acts.splice(0, 1, refused);
    assert.equal((await relay.call(undefined, LOGIN))[0].refused, "ERR_TOKEN_EXPIRED");
    one.acts.splice(0, 1, (_, response) => json(response, 401, { refused: "ERR_UNAUTHENTICATED", message: "it is none" }));
    assert.equal((await failing(relay.call(undefined, LOGIN))).code, "ERR_UNAUTHENTICATED");
    assert.deepEqual(asked, ["first", "refused", "expiring", "refused", "refused"]);
    assert.equal(one.heard.length, 2 + 2 + 1 + 2 + 2);
    assert.deepEqual(one.heard.map(brought), [0, 0, 0, 1, 2, 2, 3, 3, 4].map((at) => tokens[at]));
  });

  test("that is text is not asked for again", async () => {
    const one = await serving((_, response) => json(response, 401, [{ refused: "ERR_TOKEN_EXPIRED", message: "it has ended" }]));
    assert.equal((await client(one.url, { token: "a.b.c" }).call(undefined, LOGIN))[0].refused, "ERR_TOKEN_EXPIRED");
    assert.equal(one.heard.length, 1);
  });

  test("that the application cannot give is its own fault", async () => {
    const one = await serving(works);
    const cause = new Error("no network");
    const relay = client(one.url, { token: () => Promise.reject(cause) });
    for (const op of ["register", "reset"]) {
      const error = await failing(relay.call(undefined, [...LOGIN, { op }]));
      assert.deepEqual([error.code, error.cause], ["ERR_UNAUTHENTICATED", cause]);
    }
    for (const token of [undefined, "", "a b", "a\nb", 1, {}]) {
      assert.equal((await failing(client(one.url, { token: () => token }).call(undefined, LOGIN))).code, "ERR_BAD_INPUT");
    }
    assert.equal(one.heard.length, 0);
    // Whoever logs in with keys needs none, unless the relay wants one.
    assert.deepEqual(await relay.call(undefined, LOGIN), done(LOGIN));
    assert.equal(brought(one.heard[0]), undefined);
    one.acts.splice(0, 1, (_, response) => json(response, 401, [{ refused: "ERR_UNAUTHENTICATED", message: "a token is missing" }]));
    assert.equal((await failing(relay.call(undefined, LOGIN))).cause, cause);
  });
});

describe("parts of files", { timeout: 60_000 }, () => {
  const ITEM = "11111111-1111-4111-8111-111111111111";
  test("travel as they are, also those that are not there", async () => {
    const kept = [];
    const one = await serving(
      ({ body }, response) => (kept.push(body), response.writeHead(204).end()),
      (_, response) => response.writeHead(200, { "content-type": "application/octet-stream" }).end(Buffer.concat([kept[0], Buffer.from([0, 1, 120, 255, 255, 255, 255])])),
    );
    const relay = client(one.url);
    const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at);
    await relay.putParts(TOKEN, ITEM, [["head", bytes.subarray(3, 5)], ["0000000001", bytes], ["trailer", new Uint8Array(0)]]);
    assert.equal(one.heard[0].path, `/v1/clinic/parts/${ITEM}/put`);
    assert.deepEqual([...kept[0].subarray(0, 12)], [0, 4, 104, 101, 97, 100, 0, 0, 0, 2, 3, 4]);
    const found = await relay.getParts(TOKEN, ITEM, ITEM, ["head", "0000000001", "trailer", "x"]);
    assert.deepEqual(found.map((part) => part?.length), [2, 70_000, 0, undefined]);
    assert.deepEqual(found[1], bytes);
    assert.deepEqual(JSON.parse(one.heard[1].body), { basis: ITEM, names: ["head", "0000000001", "trailer", "x"] });
    // Others than were asked for.
    for (const names of [["head"], ["head", "0000000002", "trailer", "x"]]) assert.equal((await failing(relay.getParts(TOKEN, ITEM, ITEM, names))).code, "ERR_RELAY_UNAVAILABLE");
  });
});
