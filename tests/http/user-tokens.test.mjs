// User tokens of `regrant/server`, as relays read them.
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { test } from "node:test";
import { fromPackage } from "../tools/from-package.mjs";

const { RelayServer } = await fromPackage("server/index.js");
const { keysOf, userOf } = await fromPackage("relay-server/user-tokens.js");

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const key = privateKey.export({ type: "pkcs8", format: "pem" });
const pem = publicKey.export({ type: "spki", format: "pem" });
const o = { relay: "https://relay.example/path/", application: "clinic", key };
const parsed = (token) => token.split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url")));

test("it says who, for which application and relay, and for how long, and is signed", async () => {
  const before = Math.floor(Date.now() / 1000);
  const token = await new RelayServer({ ...o, keyId: "one" }).createUserToken("älice", { group: "ward 7", lifetimeSeconds: 60 });
  const [header, { iat, exp, jti, ...claims }] = parsed(token);
  assert.deepEqual(header, { alg: "EdDSA", typ: "JWT", kid: "one" });
  assert.deepEqual(claims, { kind: "user", app: "clinic", aud: "https://relay.example/path", uid: "älice", gid: "ward 7" });
  assert.ok(iat >= before && iat <= before + 60 && exp === iat + 60 && typeof jti === "string");
  const [said, signature] = [token.slice(0, token.lastIndexOf(".")), token.slice(token.lastIndexOf(".") + 1)];
  assert.ok(verify(null, Buffer.from(said), createPublicKey(pem), Buffer.from(signature, "base64url")));
  const [, plain] = parsed(await new RelayServer(o).createUserToken("bob"));
  assert.equal(plain.exp - plain.iat, 43_200);
  assert.notEqual(plain.jti, jti);
});

test("a relay reads it, with any of the application's keys, which may have names", async () => {
  const other = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" });
  const read = (token, keys) => userOf(token, { application: "clinic", audiences: ["https://relay.example/path"], keys: keysOf(keys, "keys") });
  const [plain, named] = [await new RelayServer(o).createUserToken("alice"), await new RelayServer({ ...o, keyId: "one" }).createUserToken("alice", { group: "ward" })];
  for (const keys of [[pem], [other, pem], [{ id: "one", key: pem }], [{ id: "two", key: other }, { id: "one", key: pem }]]) {
    assert.equal(read(plain, keys).uid, "alice");
    assert.equal(read(named, keys).gid, "ward");
  }
  for (const keys of [[], [other], [{ id: "one", key: other }]]) assert.throws(() => read(plain, keys), { code: "ERR_UNAUTHENTICATED" });
  assert.throws(() => read(named, [{ id: "two", key: pem }]), { code: "ERR_UNAUTHENTICATED" });
});

test("keys may be JWKs", async () => {
  for (const jwk of [privateKey.export({ format: "jwk" }), JSON.stringify(privateKey.export({ format: "jwk" }))]) {
    assert.equal(parsed(await new RelayServer({ ...o, key: jwk }).createUserToken("alice"))[1].uid, "alice");
  }
});

test("what is none is refused, and no key is told of", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
  for (const given of [undefined, {}, { ...o, relay: "relay" }, { ...o, relay: "https://relay.example?x" }, { ...o, application: "" }, { ...o, key: undefined }, { ...o, key: pem }, { ...o, key: rsa }, { ...o, key: `${key.slice(0, 60)}x` }, { ...o, keyId: 1 }, { ...o, pins: {} }]) {
    assert.throws(() => new RelayServer(given), (error) => {
      assert.equal(error.code, "ERR_BAD_INPUT");
      assert.ok(!`${error.message} ${error.stack} ${error.cause}`.includes(key.slice(30, 50)));
      return true;
    });
  }
  const server = new RelayServer(o);
  for (const [login, more] of [[""], [1], ["a\nb"], ["alice", { lifetimeSeconds: 0 }], ["alice", { lifetimeSeconds: 43_201 }], ["alice", { group: "" }], ["alice", { groups: [] }]]) {
    await assert.rejects(server.createUserToken(login, more), { code: "ERR_BAD_INPUT" });
  }
});
