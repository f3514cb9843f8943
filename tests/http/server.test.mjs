// What `regrant/relay` answers over HTTP (docs/http.md).
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer, request as plain } from "node:http";
import { after, before, describe, test } from "node:test";
import { vault } from "../package/runner/assert.mjs";
import { userToken } from "./jwt.mjs";
import { until } from "./support.mjs";
import { fromPackage } from "../tools/from-package.mjs";

const { Regrant } = await fromPackage("index.js");
const { framed } = await fromPackage("relay/framing.js");
const { createRelay, memoryStorage } = await fromPackage("relay-server/index.js");

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const other = generateKeyPairSync("ed25519");
const pem = publicKey.export({ type: "spki", format: "pem" });

const open = [];
after(async () => {
  for (const one of open.splice(0).reverse()) await one();
});

async function serving(o) {
  const errors = [];
  const relay = createRelay({ storage: memoryStorage(), onError: (error) => errors.push(error), ...o });
  const server = createServer(relay.listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push(async () => {
    await relay.close();
    server.close();
    server.closeAllConnections();
  });
  return { relay, errors, url: `http://127.0.0.1:${server.address().port}` };
}

const JSON_TYPE = { "content-type": "application/json" };
const post = (url, operations, headers) => fetch(url, { method: "POST", headers: { ...JSON_TYPE, ...headers }, body: typeof operations === "string" ? operations : JSON.stringify(operations) });
const READ = [{ op: "ownKeysets" }];

/** Somebody who is connected, and the token of the session. */
async function connected(url, login, { application = "clinic", fetch: by = fetch, ...more } = {}) {
  const tokens = [];
  const watched = async (address, init) => {
    if (init.headers.authorization) tokens.push(init.headers.authorization);
    return by(address, init);
  };
  const regrant = await Regrant.open({ application, relay: url, store: "memory", fetch: watched, ...more });
  open.push(() => regrant.close());
  const session = await regrant.connect({ login, ...vault(login) });
  await session.refresh();
  await until(() => tokens.length > 0, "no request bore a token");
  return { regrant, session, bearer: { authorization: tokens.at(-1) } };
}

describe("requests that are refused", { timeout: 60_000 }, () => {
  let one;
  before(async () => void (one = await serving({ tenants: { clinic: { keys: [pem] } } })));
  const call = (operations, headers, application = "clinic") => post(`${one.url}/v1/${application}/call`, operations, headers);
  const item = "11111111-1111-4111-8111-111111111111";

  const whole = {
    "an unknown application": [() => call(READ, {}, "hotel"), 404, "ERR_NOT_FOUND"],
    "an unknown path": [() => fetch(`${one.url}/v1/clinic/nothing`), 404, "ERR_NOT_FOUND"],
    "another method": [() => fetch(`${one.url}/v1/clinic/call`), 405, "ERR_BAD_INPUT"],
    "another content type": [() => call(READ, { "content-type": "text/plain" }), 415, "ERR_BAD_INPUT"],
    "a form": [() => fetch(`${one.url}/v1/clinic/call`, { method: "POST", body: new URLSearchParams({ op: "x" }) }), 415, "ERR_BAD_INPUT"],
    "no JSON": [() => call("[{"), 400, "ERR_BAD_INPUT"],
    "no UTF-8": [() => fetch(`${one.url}/v1/clinic/call`, { method: "POST", headers: JSON_TYPE, body: Buffer.from([0x22, 0xff, 0x22]) }), 400, "ERR_BAD_INPUT"],
    "no operations": [() => call([]), 400, "ERR_BAD_INPUT"],
    "no array": [() => call({ op: "ownKeysets" }), 400, "ERR_BAD_INPUT"],
    "operations that are none": [() => call([{ op: "nothing" }]), 400, "ERR_BAD_INPUT"],
    "too many operations": [() => call(Array(257).fill(READ[0])), 400, "ERR_BAD_INPUT"],
    "too many bytes": [() => call(`[${" ".repeat(8 << 20)}]`), 413, "ERR_TOO_LARGE"],
    "an idempotency key that is none": [() => call(READ, { "idempotency-key": "short" }), 400, "ERR_BAD_INPUT"],
    "an Authorization that is none": [() => call(READ, { authorization: "Basic YTpi" }), 401, "ERR_UNAUTHENTICATED"],
    "changes without a session": [() => fetch(`${one.url}/v1/clinic/changes`), 401, "ERR_UNAUTHENTICATED"],
    "changes with a session that is none": [() => fetch(`${one.url}/v1/clinic/changes`, { headers: { authorization: "Bearer x", accept: "text/event-stream" } }), 401, "ERR_UNAUTHENTICATED"],
    "parts that are none": [() => fetch(`${one.url}/v1/clinic/parts/${item}/put`, { method: "POST", headers: { "content-type": "application/octet-stream" }, body: "x" }), 400, "ERR_BAD_INPUT"],
    "too many parts": [() => fetch(`${one.url}/v1/clinic/parts/${item}/put`, { method: "POST", headers: { "content-type": "application/octet-stream" }, body: framed(Array.from({ length: 65 }, (_, at) => [`a${at}`, new Uint8Array(1)])) }), 413, "ERR_TOO_LARGE"],
    "parts of nobody's": [() => fetch(`${one.url}/v1/clinic/parts/${item}/put`, { method: "POST", headers: { "content-type": "application/octet-stream" }, body: framed([["head", new Uint8Array(1)]]) }), 401, "ERR_UNAUTHENTICATED"],
    "names that are none": [() => post(`${one.url}/v1/clinic/parts/${item}/get`, { basis: item, names: [1] }), 400, "ERR_BAD_INPUT"],
    "an item that is none": [() => post(`${one.url}/v1/clinic/parts/..%2F..%2Fx/get`, { basis: item, names: ["head"] }), 400, "ERR_BAD_INPUT"],
  };
  for (const [what, [ask, status, code]] of Object.entries(whole)) {
    test(what, async () => {
      const response = await ask();
      assert.equal(response.status, status);
      const said = await response.json();
      assert.equal(said.refused, code, said.message);
      assert.equal(typeof said.message, "string");
      assert.equal(response.headers.get("cache-control"), "no-store");
      assert.deepEqual(one.errors, []);
    });
  }

  test("operations that are all refused have the status of the first, and an answer each", async () => {
    for (const [operations, status] of [
      [[...READ, { op: "identities", logins: ["nobody"] }], 200],
      [READ, 401],
      [[{ op: "loginSecret", login: "nobody", secret: "A".repeat(43) }], undefined],
    ]) {
      const response = await call(operations);
      const answers = await response.json();
      assert.equal(answers.length, operations.length);
      if (status) assert.equal(response.status, status, JSON.stringify(answers));
      else assert.ok(response.status >= 400 && answers[0].refused !== undefined);
    }
  });

  test("are heard of, whatever is still on its way", async () => {
    // More than lies in buffers, and of which nothing, or not all, is read.
    for (const [path, type, status] of [["clinic/call", "text/plain", 415], ["clinic/call", "application/json", 413], ["hotel/call", "application/json", 404]]) {
      const { port } = new URL(one.url);
      const asked = plain({ host: "127.0.0.1", port, method: "POST", path: `/v1/${path}`, headers: { "content-type": type, "transfer-encoding": "chunked" } });
      const answered = once(asked, "response");
      const piece = Buffer.alloc(1 << 20, " ");
      for (let n = 0; n < 12; n++) asked.write(piece);
      asked.end();
      const [response] = await answered;
      assert.equal(response.statusCode, status);
      response.resume();
      await once(response, "end");
    }
  });

  test("by a host that is not this machine's, where the relay does not know what it is called", async () => {
    const { url } = await serving({ dev: true });
    const response = await new Promise((resolve, reject) => {
      const { port } = new URL(url);
      plain({ host: "127.0.0.1", port, method: "POST", path: "/v1/clinic/call", headers: { ...JSON_TYPE, host: "evil.example" } }, resolve).on("error", reject).end(JSON.stringify(READ));
    });
    assert.equal(response.statusCode, 421);
    response.resume();
  });
});

describe("applications", { timeout: 60_000 }, () => {
  test("never see each other", async () => {
    const { url } = await serving({ tenants: { clinic: {}, hotel: {} } });
    const clinic = await connected(url, "alice");
    const { id } = await clinic.session.store(new Blob(["secret"]));
    const hotel = await connected(url, "bob", { application: "hotel" });
    const asked = async (application, bearer) => (await (await post(`${url}/v1/${application}/call`, [{ op: "identities", logins: ["alice"] }, ...READ], bearer)).json());
    assert.ok((await asked("clinic", clinic.bearer))[0].identities[0]);
    const [identities, own] = await asked("hotel", clinic.bearer);
    assert.equal(identities.identities[0], null);
    assert.equal(own.refused, "ERR_UNAUTHENTICATED");
    // An upload of the same id is another.
    await post(`${url}/v1/hotel/call`, [{ op: "beginUpload", item: id, chunks: 1 }], hotel.bearer);
    const put = await fetch(`${url}/v1/hotel/parts/${id}/put`, { method: "POST", headers: { "content-type": "application/octet-stream", ...hotel.bearer }, body: framed([["head", new Uint8Array(100)]]) });
    assert.equal(put.status, 204);
    assert.equal(await new Response((await clinic.session.retrieve(id)).stream).text(), "secret");
  });
});

describe("idempotency", { timeout: 60_000 }, () => {
  test("a request by the same key is done once, and by another's key not known", async () => {
    const { url } = await serving({ dev: true });
    const alice = await connected(url, "alice");
    const item = crypto.randomUUID();
    const key = { "idempotency-key": "0123456789abcdef" };
    const begin = [{ op: "beginUpload", item, chunks: 1 }];
    const states = [];
    for (let n = 0; n < 2; n++) states.push((await (await post(`${url}/v1/clinic/call`, begin, { ...alice.bearer, ...key })).json())[0].state);
    assert.deepEqual(states, ["new", "new"]);
    assert.equal((await (await post(`${url}/v1/clinic/call`, begin, alice.bearer)).json())[0].state, "open");
    const others = await post(`${url}/v1/clinic/call`, [{ op: "giveUpUpload", item }], { ...alice.bearer, ...key });
    assert.equal(others.status, 422);
    assert.equal((await others.json())[0].refused, "ERR_BAD_INPUT");
  });

  test("a call whose answers are all lost at first is done once", async () => {
    const { url } = await serving({ dev: true });
    let lose = false;
    const lost = [];
    const lossy = async (address, init) => {
      const response = await fetch(address, init);
      if (!lose || !address.endsWith("/call") || lost.includes(init.body)) return response;
      lost.push(init.body);
      await response.arrayBuffer();
      throw new TypeError("the connection broke");
    };
    await connected(url, "bob");
    const { session } = await connected(url, "alice", { fetch: lossy });
    lose = true;
    const { id, bytes } = await session.encrypt("one", { shareWith: ["bob"] });
    const { version } = await session.encrypt("two", { id });
    assert.equal(version, 2);
    assert.equal((await session.decrypt(bytes, { older: true })).data, "one");
    assert.ok(lost.length > 0);
  });
});

describe("user tokens", { timeout: 60_000 }, () => {
  test("let in whom the application vouches for, and nobody else", async () => {
    const { url } = await serving({ tenants: { clinic: { keys: [pem], registration: "token", reset: "token" } } });
    const token = (claims, o) => userToken({ app: "clinic", aud: url, uid: "alice", ...claims }, { privateKey, ...o });
    const connect = async (given, login = "alice") => {
      const regrant = await Regrant.open({ application: "clinic", relay: url, store: "memory", token: given });
      open.push(() => regrant.close());
      return regrant.connect({ login, ...vault(login) });
    };
    const codeOf = (promise) => promise.then(() => "", ({ code }) => code);
    const now = Math.floor(Date.now() / 1000);
    const refused = {
      "none": [undefined, "ERR_UNAUTHENTICATED"],
      "by another key": [token({}, { privateKey: other.privateKey }), "ERR_UNAUTHENTICATED"],
      "for another application": [token({ app: "hotel" }), "ERR_UNAUTHENTICATED"],
      "for another relay": [token({ aud: "https://relay.example" }), "ERR_UNAUTHENTICATED"],
      "of another kind": [token({ kind: "temporary" }), "ERR_FORBIDDEN"],
      "for somebody else": [token({ uid: "bob" }), "ERR_FORBIDDEN"],
      "that ended": [token({ iat: now - 3_600, exp: now - 61 }), "ERR_TOKEN_EXPIRED"],
      "of the future": [token({ iat: now + 120, exp: now + 240 }), "ERR_UNAUTHENTICATED"],
      "that lasts too long": [token({ iat: now, exp: now + 12 * 3600 + 1 }), "ERR_UNAUTHENTICATED"],
      "whose end is text": [token({ exp: String(now + 60) }), "ERR_UNAUTHENTICATED"],
      "without an id": [token({ jti: undefined }), "ERR_UNAUTHENTICATED"],
      "without a signature": [token().replace(/[^.]+$/, ""), "ERR_UNAUTHENTICATED"],
      "with alg none": [token({}, { header: { alg: "none", typ: "JWT" } }), "ERR_UNAUTHENTICATED"],
      "with alg HS256": [token({}, { header: { alg: "HS256", typ: "JWT" } }), "ERR_UNAUTHENTICATED"],
      "with a key of its own": [token({}, { header: { alg: "EdDSA", typ: "JWT", jwk: {} } }), "ERR_UNAUTHENTICATED"],
      "that is text": ["hello", "ERR_UNAUTHENTICATED"],
    };
    for (const [what, [given, code]] of Object.entries(refused)) assert.equal(await codeOf(connect(given)), code, what);
    assert.equal((await connect(token())).isNew, true);
    // Keys are proof enough afterwards; a token that comes along is looked at all the same.
    assert.equal((await connect(undefined)).isNew, false);
    // A token within the skew is good.
    assert.equal((await connect(token({ uid: "bob", iat: now - 100, exp: now - 30 }), "bob")).isNew, true);
    // One that is refused is replaced, in the same call.
    const asked = [];
    const session = await connect((why) => (asked.push(why), asked.length === 1 ? token({ uid: "carol", iat: now - 200, exp: now - 100 }) : token({ uid: "carol" })), "carol");
    assert.equal(session.isNew, true);
    assert.deepEqual(asked, ["first", "refused"]);
  });

  test("are what begins keys anew, unless this is for trying out", async () => {
    for (const [o, token, code] of [
      [{}, undefined, "ERR_UNAUTHENTICATED"],
      [{ tenants: { clinic: { keys: [pem] } } }, "alice", ""],
      [{ tenants: { clinic: { keys: [pem] } } }, "bob", "ERR_FORBIDDEN"],
      [{ dev: true }, undefined, ""],
      [{ dev: true }, "bob", ""],
    ]) {
      const { url } = await serving(o);
      await connected(url, "alice");
      const regrant = await Regrant.open({ application: "clinic", relay: url, store: "memory", ...(token && { token: userToken({ app: "clinic", aud: url, uid: token }, { privateKey }) }) });
      open.push(() => regrant.close());
      const outcome = await regrant.connect({ login: "alice", ...vault("new") }, { reset: true }).then(() => "", ({ code }) => code);
      assert.equal(outcome, code, JSON.stringify(Object.keys(o)));
    }
  });

  test("nobody registers where it is closed, and whom the operator names administers", async () => {
    const storage = memoryStorage();
    const { url } = await serving({ storage, tenants: { clinic: {} } });
    await connected(url, "alice");
    await connected(url, "mallory");
    const second = await serving({ storage, tenants: { clinic: { registration: "closed", administrators: ["alice"] } }, publicUrl: url });
    await assert.rejects(connected(second.url, "bob", { relayId: url }), { code: "ERR_FORBIDDEN" });
    const { session } = await connected(second.url, "alice", { relayId: url });
    const mallory = await connected(second.url, "mallory", { relayId: url });
    await assert.rejects(mallory.session.admin.overwriteKeys("alice", { secret: "a long new password" }), { code: "ERR_FORBIDDEN" });
    await session.admin.overwriteKeys("mallory", { secret: "a long new password" });
  });
});

describe("changes", { timeout: 60_000 }, () => {
  test("are told at once, over a stream and to who waits", async () => {
    const { url, relay } = await serving({ dev: true });
    const [alice, bob] = [await connected(url, "alice"), await connected(url, "bob")];
    const response = await fetch(`${url}/v1/clinic/changes`, { headers: { ...bob.bearer, accept: "text/event-stream" } });
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.equal(response.headers.get("cache-control"), "no-store, no-transform");
    assert.equal(response.headers.get("x-accel-buffering"), "no");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const next = async () => {
      for (let text = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        text += value;
        const [, event, data] = /^event: (\w+)\ndata: (.*)\n\n$/m.exec(text) ?? [];
        if (event) return { event, ...JSON.parse(data) };
      }
    };
    const opened = await next();
    assert.deepEqual([opened.event, opened.login], ["open", "bob"]);
    const wait = fetch(`${url}/v1/clinic/changes?after=${opened.head}&wait=50`, { headers: bob.bearer }).then((answer) => answer.json());
    await alice.session.encrypt("x", { shareWith: ["bob"] });
    const [changed, waited] = await Promise.all([next(), wait]);
    assert.equal(changed.event, "change");
    for (const { login, head } of [changed, waited]) assert.ok(login === "bob" && head > opened.head);
    // What is known already is not waited for; and who waits for nothing is answered.
    assert.ok((await (await fetch(`${url}/v1/clinic/changes?after=${opened.head}&wait=50`, { headers: bob.bearer })).json()).head > opened.head);
    for (const after of [0, 2 ** 50]) assert.equal((await (await fetch(`${url}/v1/clinic/changes?after=${after}&wait=50`, { headers: bob.bearer })).json()).login, "bob");
    assert.equal((await fetch(`${url}/v1/clinic/changes?after=0&wait=56`, { headers: bob.bearer })).status, 400);
    // A relay that stops ends them.
    await relay.close();
    for (let event; (event = await next()); ) assert.equal(event.event, "change");
    assert.equal((await fetch(`${url}/v1/clinic/changes`, { headers: bob.bearer })).status, 503);
  });

  test("go on after the relay ended a session: the next call, and whoever listens, log in anew", async () => {
    const storage = memoryStorage();
    const { url } = await serving({ storage, dev: true });
    const [alice, bob] = [await connected(url, "alice"), await connected(url, "bob")];
    const { id } = await alice.session.encrypt("one");
    const heard = [];
    bob.session.on("granted", () => heard.push("granted"));
    /** As after twelve hours. */
    const end = async () => {
      const [sessions] = await storage.read([{ list: "clinic/session/", after: "", limit: 1000 }]);
      assert.ok(sessions.length > 0);
      const writes = sessions.map(({ key }) => ({ key }));
      assert.equal(await storage.commit({ records: [], lists: [], writes, appends: [] }), true);
      return sessions.map(({ key }) => key);
    };
    const before = await end();
    for (const { bearer } of [alice, bob]) assert.equal((await post(`${url}/v1/clinic/call`, READ, bearer)).status, 401);
    assert.equal((await alice.session.encrypt("two", { id, shareWith: ["bob"] })).version, 2);
    // Bob's stream found out when it looked; it is by another session that he hears of this.
    await until(() => heard.length > 0, "bob did not hear");
    await alice.session.encrypt("three", { shareWith: ["bob"] });
    await until(() => heard.length > 1, "bob did not hear any more");
    const [now] = await storage.read([{ list: "clinic/session/", after: "", limit: 1000 }]);
    assert.ok(now.length >= 2 && now.every(({ key }) => !before.includes(key)));
  });

  test("that nobody told of yet are found when the relay refuses: a file whose reader lost access, and got it again", async () => {
    const { url } = await serving({ dev: true });
    const silent = (address, init) => (address.endsWith("/changes") ? new Promise((_, reject) => init.signal.addEventListener("abort", () => reject(init.signal.reason))) : fetch(address, init));
    const [alice, bob] = [await connected(url, "alice"), await connected(url, "bob", { fetch: silent })];
    const { id } = await alice.session.store(new Blob(["a file"]), { shareWith: ["bob"] });
    const read = async () => new Response((await bob.session.retrieve(id)).stream).text();
    assert.equal(await read(), "a file");
    await alice.session.revoke([id], "bob");
    await assert.rejects(read(), { code: "ERR_NO_ACCESS" });
    await alice.session.giveAccess([id], "bob");
    assert.equal(await read(), "a file");
    await alice.session.revoke([id], "bob");
    await alice.session.giveAccess([id], "bob");
    assert.equal(await read(), "a file");
  });

  test("reach a session's listeners", async () => {
    const { url } = await serving({ dev: true });
    const [alice, bob] = [await connected(url, "alice"), await connected(url, "bob")];
    const granted = new Promise((resolve) => bob.session.on("granted", resolve));
    await alice.session.encrypt("x", { shareWith: ["bob"] });
    await granted;
  });
});

test("what logins are bound to stays when a relay moves", { timeout: 60_000 }, async () => {
  const storage = memoryStorage();
  const relayId = "clinic relay";
  const [one, two] = [await serving({ storage, relayId }), await serving({ storage, relayId })];
  const sessions = async (url, relayId) => (await connected(url, "alice", { relayId })).session;
  await sessions(one.url, relayId);
  assert.equal((await sessions(two.url, relayId)).isNew, false);
  await assert.rejects(sessions(two.url), ({ code }) => code === "ERR_WRONG_SECRET" || code === "ERR_UNAUTHENTICATED");
});

describe("pages of other origins", { timeout: 60_000 }, () => {
  const ask = (url, method, origin) => fetch(`${url}/v1/clinic/call`, { method, headers: { origin, ...JSON_TYPE }, ...(method === "POST" && { body: JSON.stringify(READ) }) });
  const allowed = (response) => response.headers.get("access-control-allow-origin");
  test("are let in if they are named", async () => {
    const { url } = await serving({ origins: ["https://app.example"] });
    for (const method of ["OPTIONS", "POST"]) {
      assert.equal(allowed(await ask(url, method, "https://app.example")), "https://app.example");
      assert.equal(allowed(await ask(url, method, "https://evil.example")), null);
    }
    const { headers } = await ask(url, "OPTIONS", "https://app.example");
    for (const name of ["authorization", "content-type", "idempotency-key", "regrant-user-token"]) assert.ok(headers.get("access-control-allow-headers").includes(name), name);
    assert.equal(headers.get("access-control-allow-credentials"), null);
  });

  test("by no means otherwise, and all of them where it is tried out", async () => {
    assert.equal(allowed(await ask((await serving({})).url, "POST", "https://app.example")), null);
    assert.equal(allowed(await ask((await serving({ dev: true })).url, "POST", "https://app.example")), "*");
  });
});

test("options that are none are refused", () => {
  const storage = memoryStorage();
  for (const o of [undefined, {}, { storage: {} }, { storage, path: "x" }, { storage, dev: 1 }, { storage, publicUrl: "relay" }, { storage, publicUrl: "ftp://x" }, { storage, origins: "https://x" }, { storage, origins: ["https://x/"] },
    { storage, tenants: [] }, { storage, tenants: { clinic: null } }, { storage, tenants: { clinic: { keys: ["x"] } } }, { storage, tenants: { clinic: { registration: "token" } } }, { storage, tenants: { clinic: { reset: "closed" } } }, { storage, tenants: { "": {} } }]) {
    assert.throws(() => createRelay(o), { code: "ERR_BAD_INPUT" }, JSON.stringify(o));
  }
});
