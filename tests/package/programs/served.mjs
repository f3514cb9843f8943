// The embedded relay behind something: `openRelay` on one side, an object that one talks to on the other, and between them
// what travels as JSON and bytes, from anybody.
import { Regrant, RegrantError, openRelay } from "regrant";
import { createRelay } from "regrant/testing";

export const variants = ["programs", "inline"];

const relayId = "https://relay.example";

/** What a server makes of a request: the answer, or the error, as it travels. */
const served = (relay) => async (method, ...given) => {
  try {
    return { value: await relay[method](...given) };
  } catch ({ code, message, logins }) {
    return { error: { code, message, logins } };
  }
};

/** The relay object of a client that knows no more than an address. */
function at(serve, told = []) {
  const json = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
  const ask = async (...request) => {
    const { value, error } = await serve(...request);
    if (error) throw new RegrantError(error.code, error.message, { logins: error.logins });
    return value;
  };
  return {
    origin: relayId,
    async call(token, operations) {
      told.push(token, JSON.stringify(operations));
      return json(await ask("call", token, json(operations)));
    },
    putParts: (token, item, parts) => ask("putParts", token, item, parts.map(([name, bytes]) => [name, bytes.slice()])),
    getParts: (token, item, basis, names) => ask("getParts", token, item, basis, names),
    subscribe: () => () => {},
  };
}

export const scenarios = {
  "people meet at a relay that is served": async ({ code, equal, readAll, same, vault }) => {
    const { storage } = createRelay();
    const relay = await openRelay({ relay: { storage }, relayId });
    equal(relay.origin, relayId);
    const told = [];
    const serve = served(relay);
    const open = (o) => Regrant.open({ application: "regrant", relay: at(serve, told), store: "memory", ...o });
    const alice = await (await open()).connect({ login: "alice", ...vault(1) });
    const bob = await (await open()).connect({ login: "bob", ...vault(2) });
    const { id } = await alice.store(new Blob(["a file"]), { shareWith: ["bob"] });
    equal(new TextDecoder().decode(await readAll((await bob.retrieve(id)).stream)), "a file");
    const { bytes } = await alice.encrypt("a note", { shareWith: ["bob"] });
    await bob.refresh();
    equal((await bob.decrypt(bytes)).data, "a note");
    // What the server refuses is told as it is, whoever carries it.
    const { id: elsewhere } = await alice.encrypt("bytes elsewhere");
    await code(alice.retrieve(elsewhere), "ERR_NOT_FOUND");
    same((await code(alice.encrypt("x", { shareWith: ["nobody"] }), "ERR_IDENTITY_NOT_FOUND")).logins, ["nobody"]);
    // The relay is known by its id: at the same one by another id, the same password is another secret.
    await code((await open({ relayId: "https://other.example" })).connect({ login: "alice", ...vault(1) }), "ERR_WRONG_SECRET");
    equal((await (await open({ relayId })).connect({ login: "alice", ...vault(1) })).isNew, false);
    // A client that runs the rules itself, over the same storage.
    equal((await (await open({ relay: { storage }, relayId })).connect({ login: "bob", ...vault(2) })).isNew, false);
    equal(told.join().includes("a note"), false);
  },

  "a client of somebody else's making gets no further than the rules": async ({ equal, same, vault }) => {
    const { storage } = createRelay();
    const puts = [];
    const watched = { ...Object.fromEntries(["read", "commit", "getParts", "countParts", "dropParts"].map((name) => [name, (...given) => storage[name](...given)])), putParts: (item, parts) => (puts.push(item, ...parts.map(([name]) => name)), storage.putParts(item, parts)) };
    const relay = await openRelay({ relay: { storage: watched }, relayId });
    const serve = served(relay);
    const tokens = {};
    const people = {};
    for (const [n, login] of ["alice", "bob"].entries()) {
      const told = [];
      people[login] = await (await Regrant.open({ application: "regrant", relay: at(serve, told), store: "memory" })).connect({ login, ...vault(n) });
      await people[login].refresh();
      tokens[login] = told.filter((text) => text && !text.startsWith("[")).at(-1);
    }
    const refused = async (...request) => (await serve(...request)).error?.code;
    const asked = async (token, operation) => (await relay.call(token, [operation]))[0];

    // Operations that are none, too many, without a token, and with one that is made up.
    for (const operations of [null, 1, "x", {}, [1], [{ op: "nothing" }], [{ op: "sync" , after: "x" }], [{}]]) equal(await refused("call", tokens.alice, operations), "ERR_BAD_INPUT", JSON.stringify(operations));
    equal(await refused("call", tokens.alice, Array(257).fill({ op: "ownKeysets" })), "ERR_BAD_INPUT");
    for (const token of [undefined, "", "x", tokens.alice.slice(1), `${tokens.alice} `, "x".repeat(1 << 20)]) equal((await asked(token, { op: "ownKeysets" })).refused, "ERR_UNAUTHENTICATED");
    same((await asked(tokens.bob, { op: "ownKeysets" })).keysets.map(({ keyset }) => keyset.login), ["bob"]);

    // Another's upload, and parts by names under which the relay would keep them beside the real ones.
    const item = crypto.randomUUID();
    equal((await asked(tokens.alice, { op: "beginUpload", item, chunks: 1 })).state, "new");
    const chunk = new Uint8Array(16);
    equal(await refused("putParts", tokens.bob, item, [["0000000001", chunk]]), "ERR_NOT_FOUND");
    equal(await refused("putParts", undefined, item, [["0000000001", chunk]]), "ERR_UNAUTHENTICATED");
    for (const name of ["1", "01", "00000000001", "0000000002", "chunk", "../head", "HEAD", "", "0000000001.x"]) equal(await refused("putParts", tokens.alice, item, [[name, chunk]]), "ERR_BAD_INPUT", name);
    for (const id of [item.toUpperCase(), item.replaceAll("-", ""), `{${item}}`, `urn:uuid:${item}`, `../${item}`, "", 1, null, [item]]) {
      equal(await refused("putParts", tokens.alice, id, [["0000000001", chunk]]), "ERR_BAD_INPUT", String(id));
      equal(await refused("getParts", tokens.alice, id, item, ["0000000001"]), "ERR_BAD_INPUT", String(id));
    }
    for (const bytes of ["x".repeat(16), Array(16).fill(0), { length: 16 }, new Uint16Array(16), null]) equal(await refused("putParts", tokens.alice, item, [["0000000001", bytes]]), "ERR_BAD_INPUT");
    for (const parts of [undefined, null, {}, [null], [[]], "x", [["0000000001"]], [[1, chunk]], [[null, chunk]]]) equal(await refused("putParts", tokens.alice, item, parts), "ERR_BAD_INPUT", JSON.stringify(parts));
    for (const names of [undefined, null, {}, "head", [1], [null], [["head"]]]) equal(await refused("getParts", tokens.alice, item, item, names), "ERR_BAD_INPUT", JSON.stringify(names));
    same(puts, []);
    equal(await storage.countParts(item), 0);
    equal(await refused("putParts", tokens.alice, item, [["0000000001", chunk]]), undefined);
    same(puts, [item, "0000000001"]);
  },

  "what is no embedded relay is not opened as one": async ({ code, equal, place }) => {
    const bad = "ERR_BAD_INPUT";
    const { storage } = createRelay();
    for (const given of [null, 1, "x", [], { relay: null }, { relay: "https://relay.example" }, { relay: {} }, { relay: { storage: {} } }, { relay: at(async () => {}) }, { relay: createRelay() },
      { relay: { storage }, relayId: "" }, { relay: { storage }, relayId: 1 }, { relay: { storage }, application: "x" }, { name: "a/b" }, { storage }]) {
      await code(openRelay(given), bad, JSON.stringify(given));
    }
    equal((await openRelay({ relay: { storage } })).origin, "embedded:default");
    equal((await openRelay({ name: "x" })).origin, "embedded:x");
    if (place === "browser") await code(openRelay({ relay: { directory: "x" } }), bad);
  },
};
