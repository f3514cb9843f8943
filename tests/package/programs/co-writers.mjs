// Several people who write one item. Whom its owner excluded no other writer brings back, and nobody writes the owner out.
import { sealEnvelope } from "regrant/testing";
import { read, world } from "../world.mjs";
import { before, device, outcome } from "../trust.mjs";

export const variants = ["programs"];

export const scenarios = {
  "a co-writer carries nobody over whom the owner excluded, when the relay brings the grant back": async ({ code, equal, ok }) => {
    const w = await world(["alice", "bob", "carol"]);
    const first = await w.alice.session.encrypt("first", { shareWith: ["bob", "carol"] });
    equal(await read(w.bob.session, first.bytes), "first");
    const gone = await before(w.relay, () => w.alice.session.revoke([first.id], "carol"));
    const fresh = () => device(w.relay.view(), "carol", { keyPair: w.carol.keyPair });
    await code((await fresh()).decrypt(first.bytes), "ERR_NO_ACCESS");
    // The grant as it was, found where it was. The revocation stays where it was told.
    const back = Object.entries(gone).filter(([key, value]) => value !== undefined && key.startsWith("grant/"));
    equal(back.length, 1);
    const [[key, grant]] = back;
    w.relay.write(key, grant);
    w.tell("carol", { grant: grant.grant.id });
    ok((await w.bob.session.whoCanRead(first.id)).some(({ login }) => login === "carol"), "the relay shows it to bob");

    const next = await w.bob.session.encrypt("next", { id: first.id });
    equal((await outcome((await fresh()).decrypt(next.bytes))).code, "ERR_NO_ACCESS", "what the excluded one gets");
    equal((await outcome(w.carol.session.decrypt(next.bytes))).code, "ERR_NO_ACCESS", "on her own device");
    for (const { session } of [w.alice, w.bob]) equal(await read(session, next.bytes), "next");
  },

  "a co-writer carries over whom the owner gave access, and not whom another reader did": async ({ code, equal, same }) => {
    const w = await world(["alice", "bob", "carol", "dave"]);
    const first = await w.alice.session.encrypt("first", { shareWith: ["bob"] });
    // Bob, a reader, gives Carol and Dave access. Carol writes.
    await w.bob.session.giveAccess([first.id], ["carol", "dave"]);
    for (const who of ["carol", "dave"]) equal(await read(w[who].session, first.bytes), "first");
    const next = await w.carol.session.encrypt("next", { id: first.id });
    same(next.dropped, ["dave"]);
    await code(w.dave.session.decrypt(next.bytes), "ERR_NO_ACCESS");
    for (const who of ["alice", "bob", "carol"]) equal(await read(w[who].session, next.bytes), "next");
  },

  "an owner whom a reader revoked from their own item goes on writing and excluding": async ({ code, equal }) => {
    const w = await world(["alice", "bob", "carol"]);
    const { id } = await w.alice.session.encrypt("mine", { shareWith: ["bob", "carol"] });
    const second = await w.bob.session.encrypt("bob's", { id, ifVersion: 1 });
    // Refused, or without effect.
    await outcome(w.bob.session.revoke([id], "alice"));
    equal(await read(w.bob.session, second.bytes), "bob's");
    await goesOn(w, id, { code, equal });
  },

  "an owner whom a reader left out of the next version goes on writing and excluding": async ({ code, equal }) => {
    const w = await world(["alice", "bob", "carol"]);
    const { id } = await w.alice.session.encrypt("mine", { shareWith: ["bob", "carol"] });
    // Bob has a client of his own: the second version is for himself alone.
    const who = await w.forge("bob");
    const item = { id, version: 2, key: crypto.getRandomValues(new Uint8Array(32)) };
    const sealed = await sealEnvelope({ ...item, data: "bob's" });
    const { exchange, key } = await who.exchange(w.keyset("bob"));
    const wraps = [await who.wrap(exchange, key, w.keyset("bob"))];
    const grant = await who.grant(exchange, key, [{ ...item, digest: sealed.digest }]);
    w.plant("bob", { exchange, wraps, grant });
    w.relay.write(`item/${id}`, { ...w.relay.read(`item/${id}`), version: 2 });
    equal(await read(w.bob.session, sealed.bytes), "bob's");
    await goesOn(w, id, { code, equal });
  },
};

/** Alice, the owner, cannot read the second version. She writes over it, and closes what comes to whoever left her out. */
async function goesOn(w, id, { code, equal }) {
  // Who says nothing of the version goes on from what they know, which is not the newest.
  equal((await outcome(w.alice.session.encrypt("third", { id }))).code, "ERR_CONFLICT", "over a version not seen");
  const third = await outcome(w.alice.session.encrypt("third", { id, ifVersion: "latest" }));
  equal(third.code, undefined, "the owner's third version");
  equal(third.value.version, 3);
  equal(await read(w.alice.session, third.value.bytes), "third");
  await w.alice.session.revoke([id], "bob");
  const fourth = await w.alice.session.encrypt("fourth", { id });
  equal(await read(w.carol.session, fourth.bytes), "fourth");
  await code((await w.bob.again()).decrypt(fourth.bytes), "ERR_NO_ACCESS");
}
