// What follows with proof from keys that were relied on can be read, whatever came after it; and an older version of an
// item does not pass for the newest, also after a reload.
import { read, world } from "../world.mjs";
import { compare, device, fork, outcome } from "../trust.mjs";

export const variants = ["programs"];

/** Carol shares with Bob, who opened what she gave by her first keys, on two devices. Then his are away. */
async function shared() {
  const w = await world(["admin", "bob", "carol"]);
  const { bytes } = await w.carol.session.encrypt("years of records", { shareWith: ["bob"] });
  const phone = await device(w.relay.view(), "bob", { keyPair: w.bob.keyPair });
  for (const session of [w.bob.session, phone]) {
    await compare(session, w.carol.session);
    const { data, author } = await session.decrypt(bytes);
    if (data !== "years of records" || !author.verified) throw new Error("Bob read it before");
  }
  // She renews, which signs what she gave anew with her second keys: chained from what Bob relied on.
  await w.carol.session.identities.renewKeys();
  return { ...w, bytes, phone };
}

/** That Bob reads it, on devices that did not look meanwhile and on one that is new. */
async function stillRead(w, { code, equal }) {
  for (const [which, session] of Object.entries({ laptop: w.bob.session, phone: w.phone, "reloaded laptop": await w.bob.again() })) {
    await session.refresh();
    // What came without proof is not relied on.
    equal(await session.trust.state("carol"), "changed", which);
    await code(session.encrypt("for the new keys", { shareWith: ["carol"] }), "ERR_IDENTITY_CHANGED");
    const opened = await outcome(session.decrypt(w.bytes));
    equal(opened.code, undefined, `on the ${which}`);
    equal([opened.value.data, opened.value.author.login].join(), "years of records,carol", which);
  }
  const tablet = await device(w.relay.view(), "bob", { keyPair: w.bob.keyPair });
  equal((await outcome(tablet.decrypt(w.bytes))).value?.data, "years of records", "on a new tablet");
}

export const scenarios = {
  "what was given before a loss stays readable when the keys were renewed before it": async (assert) => {
    const w = await shared();
    // Only renewed, it opens. Bob looks elsewhere, so that his devices do not hear of the second keys.
    assert.equal(await read(await device(fork(w.relay), "bob", { keyPair: w.bob.keyPair }), w.bytes), "years of records");
    const anew = await device(w.relay.view(), "carol", assert.vault(5), { connect: { reset: true } });
    assert.equal(anew.publicKey.version, 3);
    await stillRead(w, assert);
  },

  "what was given before an administrator's overwrite stays readable when the keys were renewed before it": async (assert) => {
    const w = await shared();
    await w.admin.session.admin.overwriteKeys("carol", { secret: "a new password" });
    assert.equal((await w.admin.session.identities.history("carol")).length, 3);
    await stillRead(w, assert);
  },

  "what unproven keys sign after a loss is still not believed": async ({ code, equal, vault }) => {
    const w = await shared();
    const anew = await device(w.relay.view(), "carol", vault(5), { connect: { reset: true } });
    const { bytes } = await anew.encrypt("I am carol", { shareWith: ["bob"] });
    await code(w.bob.session.decrypt(bytes), "ERR_IDENTITY_CHANGED");
    await compare(w.bob.session, anew);
    equal(await read(w.bob.session, bytes), "I am carol");
    equal(await read(w.bob.session, w.bytes), "years of records", "and what was given before");
  },

  "an older version of an item is outdated, also after a reload": async ({ code, equal }) => {
    const w = await world(["alice", "bob"]);
    const first = await w.alice.session.encrypt("dose: 10 mg", { shareWith: ["bob"] });
    const second = await w.alice.session.encrypt("dose: 1 mg", { id: first.id });
    equal(await read(w.bob.session, first.bytes), "dose: 10 mg", "while the second was not seen");
    equal(await read(w.bob.session, second.bytes), "dose: 1 mg");
    const again = await w.bob.again();
    equal(await read(again, second.bytes), "dose: 1 mg", "the newest one");
    const after = await w.bob.again();
    for (const session of [after, again, w.bob.session]) await code(session.decrypt(first.bytes), "ERR_OUTDATED");
    await code(after.decryptMany([second.bytes, first.bytes]), "ERR_OUTDATED");
  },

  "whoever wants to look at an older version says so": async ({ code, equal }) => {
    const w = await world(["alice", "bob"]);
    const first = await w.alice.session.encrypt("dose: 10 mg", { shareWith: ["bob"] });
    const second = await w.alice.session.encrypt("dose: 1 mg", { id: first.id });
    equal(await read(w.bob.session, second.bytes), "dose: 1 mg");
    const after = await w.bob.again();
    await code(after.decrypt(first.bytes), "ERR_OUTDATED");
    const { data, version } = await after.decrypt(first.bytes, { older: true });
    equal([data, version].join(), "dose: 10 mg,1");
    // Having looked changes nothing.
    await code(after.decrypt(first.bytes), "ERR_OUTDATED");
    equal(await read(after, second.bytes), "dose: 1 mg");
  },

  "whoever wrote the newest version has the one before as outdated after a reload": async ({ code, equal }) => {
    const w = await world(["alice"]);
    const first = await w.alice.session.encrypt("one");
    const second = await w.alice.session.encrypt("two", { id: first.id });
    const after = await w.alice.again();
    await code(after.decrypt(first.bytes), "ERR_OUTDATED");
    equal(await read(after, second.bytes), "two");
  },
};
