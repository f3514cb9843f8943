// Whose name is on what one reads and to whom one gives access back: only what was compared, or is one's own, counts.
import { forger, sealEnvelope } from "regrant/testing";
import { pair, read, world } from "../world.mjs";
import { asked, compare, device, fork } from "../trust.mjs";

export const variants = ["programs"];

export const scenarios = {
  "access back needs a code for keys that follow compared ones but were never compared": async ({ code, equal, ok }) => {
    const w = await world(["alice", "bob"]);
    await compare(w.bob.session, w.alice.session);
    const first = w.alice.session.publicKey.encryption;
    // This very key was compared: it needs no code.
    equal((await w.bob.session.giveAccessBackTo("alice", first)).requester, "alice");

    // A thief of it goes on from it, and asks.
    const thief = await device(w.relay.view(), "alice", { keyPair: w.alice.keyPair });
    await thief.identities.renewKeys();
    equal(await w.bob.session.trust.state("alice"), "verified", "they follow with proof");
    ok(thief.publicKey.encryption !== first);
    await code(w.bob.session.giveAccessBackTo("alice", thief.publicKey.encryption), "ERR_VERIFICATION_FAILED");
    const verificationCode = await thief.trust.verificationCode("alice");
    equal((await w.bob.session.giveAccessBackTo("alice", thief.publicKey.encryption, { verificationCode })).requester, "alice");
    // Compared now, also on this person's other devices.
    const phone = await device(w.relay.view(), "bob", { keyPair: w.bob.keyPair });
    equal((await phone.giveAccessBackTo("alice", thief.publicKey.encryption)).requester, "alice");
  },

  "what keys that the relay made in one's own name signed is not one's own": async ({ code, equal, ok }) => {
    const w = await world(["alice", "bob"]);
    const mine = await w.alice.session.encrypt("I wrote this");
    // With a key pair of its own, the relay begins her keys anew: a second version, which nothing leads to.
    const theirs = fork(w.relay);
    const keyPair = await pair(3);
    await device(theirs, "alice", { keyPair }, { connect: { reset: true } });
    const shown = theirs.read("identity/alice");
    const impostor = await forger("alice", keyPair, shown.keysets[1].keyset);
    const item = { id: crypto.randomUUID(), version: 1, key: crypto.getRandomValues(new Uint8Array(32)) };
    const forged = await sealEnvelope({ ...item, data: "I owe bob 1,000" });
    const { exchange, key } = await impostor.exchange(w.keyset("alice", 1));
    const wraps = [await impostor.wrap(exchange, key, w.keyset("alice", 1))];
    w.plant("alice", { exchange, wraps, grant: await impostor.grant(exchange, key, [{ ...item, digest: forged.digest }]) });

    const keys = asked(w.alice.view);
    const stop = w.alice.view.misbehave("alter-identity", { login: "alice", change: () => shown });
    await code(w.alice.session.decrypt(forged.bytes), "ERR_IDENTITY_CHANGED");
    await code((await w.alice.again()).decrypt(forged.bytes), "ERR_IDENTITY_CHANGED");
    ok(keys.has("identity/alice") && keys.has(`exchange/${exchange.id}`));
    // What she wrote is hers, also while the relay lies.
    const { data, author } = await w.alice.session.decrypt(mine.bytes);
    equal([data, author.login, author.verified].join(), "I wrote this,alice,true");
    stop();
    equal(await read(await w.alice.again(), mine.bytes), "I wrote this");
  },
};
