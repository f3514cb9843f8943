// What several devices, or tabs, of one person make of each other's pins, where the relay shows each something else.
// Nothing that one of them was made to believe takes back what another one knows.
import { elsewhere, read, world } from "../world.mjs";
import { asked, carry, compare, device, fork, outcome, saidBy } from "../trust.mjs";

export const variants = ["programs"];

/** Bob compared Alice's code on his laptop; the relay has keys of its own in Alice's name, of several versions. */
async function compared(vault, { versions }) {
  const w = await world(["alice", "bob", "carol", "dave"]);
  const nothing = saidBy(w.relay, "bob");
  await compare(w.bob.session, w.alice.session);
  const impostor = await elsewhere("alice", vault(7));
  for (let n = 1; n < versions; n++) await impostor.session.identities.renewKeys();
  return { ...w, nothing, impostor };
}

/**
 * Bob's new phone is shown the relay's Alice, and what `shown` says in place of the truth: what he had said at an earlier
 * time, all of it. The phone says what it saw beside that, and the relay shows that to the laptop.
 */
async function phone(w, shown, { ok, equal, state }) {
  const other = fork(w.relay, { "identity/alice": w.impostor.relay.read("identity/alice"), ...shown });
  const [since, keys] = [other.snapshot(), asked(other)];
  const session = await device(other, "bob", { keyPair: w.bob.keyPair });
  equal(await session.trust.state("alice"), state, "the phone's alice");
  ok(keys.has("identity/alice"));
  // Until the phone's head has a higher number than the laptop's.
  for (const login of ["carol", "dave"]) await compare(session, w[login].session);
  const counter = () => w.relay.read("said/bob").head.counter;
  const before = counter();
  const written = carry(other, since, w.relay);
  ok(written.includes("said/bob") && counter() > before, "the phone's head is the later one");
  return session;
}

export const scenarios = {
  "keys that a new phone took at first use do not replace those that the laptop compared": async ({ code, equal, ok, vault }) => {
    const w = await compared(vault, { versions: 2 });
    const laptop = w.bob.session;
    const sealed = await laptop.encrypt("to the real alice", { shareWith: ["alice"] });
    w.bob.view.misbehave("swap-identity", { login: "alice", from: w.impostor.relay });
    equal(await laptop.trust.state("alice"), "changed");
    await phone(w, w.nothing, { ok, equal, state: "unverified" });

    const keys = asked(w.bob.view);
    await laptop.refresh();
    ok(keys.has("said/bob"), "the laptop asked for the phone's head");
    equal(await laptop.trust.state("alice"), "changed", "after the phone's head");
    await code(laptop.encrypt("secret", { shareWith: ["alice"] }), "ERR_IDENTITY_CHANGED");
    // After a reload, too, from what rests.
    const again = await w.bob.again();
    equal(await again.trust.state("alice"), "changed", "after a reload");
    await code(again.encrypt("secret", { shareWith: ["alice"] }), "ERR_IDENTITY_CHANGED");
    equal(await read(w.alice.session, sealed.bytes), "to the real alice");
  },

  "asking how far a contact can be relied on does not take over what a new phone took at first use": async ({ code, equal, ok, vault }) => {
    const w = await compared(vault, { versions: 2 });
    const laptop = w.bob.session;
    equal(await laptop.trust.state("alice"), "verified");
    await phone(w, w.nothing, { ok, equal, state: "unverified" });
    w.bob.view.misbehave("swap-identity", { login: "alice", from: w.impostor.relay });
    // The first time, the laptop sees something new, and says its own anew, with the other one's.
    const keys = asked(w.bob.view);
    equal(await laptop.trust.state("alice"), "changed", "asked once");
    ok(keys.has("said/bob"), "the laptop asked for the phone's head");
    equal(await laptop.trust.state("alice"), "changed", "asked again");
    await code(laptop.encrypt("secret", { shareWith: ["alice"] }), "ERR_IDENTITY_CHANGED");
  },

  "with a thief of a contact's old keys, a fork that the laptop saw stays one whatever the phone was shown": async ({ code, equal, ok }) => {
    const w = await thief();
    const laptop = w.bob.session;
    equal(await laptop.trust.state("alice"), "verified", "the real second version");
    w.bob.view.misbehave("alter-identity", { login: "alice", change: () => w.rival });
    await laptop.refresh();
    equal(await laptop.trust.state("alice"), "forked");

    // The phone is shown what Bob said before the laptop saw Alice's second version, and the thief's versions.
    await phone(w, w.pins, { ok, equal, state: "verified" });
    const keys = asked(w.bob.view);
    await laptop.refresh();
    ok(keys.has("said/bob"), "the laptop asked for the phone's head");
    equal(await laptop.trust.state("alice"), "forked", "after the phone's head");
    await code(laptop.encrypt("secret", { shareWith: ["alice"] }), "ERR_IDENTITY_CHANGED");
    // Nor to the real one, while nobody has decided.
    w.bob.view.behave();
    equal(await laptop.trust.state("alice"), "forked", "and with the real versions");
    await code(laptop.encrypt("secret", { shareWith: ["alice"] }), "ERR_IDENTITY_CHANGED");
    // A person who compares the code again decides.
    await compare(laptop, w.anew);
    equal(await read(w.anew, (await laptop.encrypt("to the real one", { shareWith: ["alice"] })).bytes), "to the real one");
  },

  "a fork that one tab saw stays one, whatever another tab over the same store was shown": async ({ code, equal, ok }) => {
    const w = await thief();
    const view = w.relay.view();
    const [one, two] = [w.bob.session, await device(view, "bob", { keyPair: w.bob.keyPair }, { store: w.bob.store })];
    equal(await one.trust.state("alice"), "verified", "the real second version");
    w.bob.view.misbehave("alter-identity", { login: "alice", change: () => w.rival });
    equal(await one.trust.state("alice"), "forked");

    // The other tab asks for the first time: to it, the thief's versions follow what it knows.
    const keys = asked(view);
    view.misbehave("alter-identity", { login: "alice", change: () => w.rival });
    await outcome(two.trust.state("alice"));
    await compare(two, w.carol.session);
    ok(keys.has("identity/alice"));
    await one.refresh();
    for (const [which, session] of Object.entries({ "in the tab that saw it": one, "after a reload": await w.bob.again() })) {
      equal(await session.trust.state("alice"), "forked", which);
      await code(session.encrypt("secret", { shareWith: ["alice"] }), "ERR_IDENTITY_CHANGED");
    }
  },

  "a fork is shown as a warning, also to another device and after a reload, until a person decides": async ({ equal, ok, same }) => {
    const w = await thief();
    const laptop = w.bob.session;
    equal(await laptop.trust.state("alice"), "verified", "the real second version");
    same([...laptop.warnings], []);
    const heard = [];
    laptop.on("warning", ({ kind, logins, message }) => heard.push([kind, logins, typeof message]));
    w.bob.view.misbehave("alter-identity", { login: "alice", change: () => w.rival });
    for (let n = 0; n < 2; n++) equal(await laptop.trust.state("alice"), "forked");
    w.bob.view.behave();
    await new Promise((done) => setTimeout(done));
    same(heard, [["fork", ["alice"], "string"]]);

    const phone = await device(w.relay.view(), "bob", { keyPair: w.bob.keyPair });
    for (const session of [laptop, phone, await w.bob.again()]) same(session.warnings.map(({ kind, logins }) => [kind, logins]), [["fork", ["alice"]]]);
    equal(await phone.trust.state("alice"), "forked", "which the phone saw nothing of");
    await compare(phone, w.anew);
    same([...phone.warnings], []);
    // The laptop learns of the decision.
    await laptop.refresh();
    same([...laptop.warnings], []);
    ok((await laptop.trust.state("alice")) === "verified");
  },

  "what the relay's keys signed, which a new phone took at first use, is not the contact's on the laptop": async ({ code, equal, ok, vault }) => {
    const w = await world(["alice", "bob", "carol", "dave"]);
    const laptop = w.bob.session;
    const nothing = saidBy(w.relay, "bob");
    await compare(laptop, w.alice.session);
    // The relay's own Alice, with one version as the real one has, writes to Bob.
    const theirs = fork(w.relay, Object.fromEntries(w.relay.keys.filter((key) => key.split("/")[1] === "alice").map((key) => [key, undefined])));
    const start = theirs.snapshot();
    const impostor = await device(theirs, "alice", vault(7));
    const forged = await impostor.encrypt("I am alice", { shareWith: ["bob"] });
    const records = carry(theirs, start, fork(theirs)).filter((key) => key.startsWith("exchange/") || key.startsWith("grant/"));
    for (const key of records) {
      const { exchange, wraps, grant } = theirs.read(key);
      if (exchange?.delegate === "bob") w.plant("bob", { exchange, wraps });
      if (grant && theirs.read(`exchange/${grant.exchange}`).exchange.delegate === "bob") w.plant("bob", { grant });
    }
    const stop = w.bob.view.misbehave("alter-identity", { login: "alice", change: () => theirs.read("identity/alice") });
    await code(laptop.decrypt(forged.bytes), "ERR_IDENTITY_CHANGED");
    const told = await phone({ ...w, impostor: { relay: theirs } }, nothing, { ok, equal, state: "unverified" });
    equal(await read(told, forged.bytes), "I am alice", "on the phone");

    await laptop.refresh();
    equal(await laptop.trust.state("alice"), "changed");
    await code(laptop.decrypt(forged.bytes), "ERR_IDENTITY_CHANGED");
    await code((await w.bob.again()).decrypt(forged.bytes), "ERR_IDENTITY_CHANGED");
    stop();
    equal(await laptop.trust.state("alice"), "verified");
    const sealed = await w.alice.session.encrypt("I am", { shareWith: ["bob"] });
    const opened = await laptop.decrypt(sealed.bytes);
    equal([opened.data, opened.author.login, opened.author.verified].join(), "I am,alice,true");
  },
};

/**
 * Bob compared Alice's first keys. She renewed them; a thief of the first ones goes on from them, with the relay, on a
 * device of their own, and has one version more than she.
 */
async function thief() {
  const w = await world(["alice", "bob", "carol", "dave"]);
  await compare(w.bob.session, w.alice.session);
  const pins = saidBy(w.relay, "bob");
  const other = fork(w.relay);
  const stolen = await device(other, "alice", { keyPair: w.alice.keyPair });
  for (let n = 0; n < 2; n++) await stolen.identities.renewKeys();
  await w.alice.session.identities.renewKeys();
  return { ...w, pins, stolen, rival: other.read("identity/alice"), anew: w.alice.session, impostor: { relay: other } };
}
