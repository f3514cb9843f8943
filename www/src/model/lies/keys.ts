// Lies about whose keys are whose.
import { Regrant, type Session } from "regrant";
import { createStore } from "regrant/testing";
import type { Lie } from "./lie.js";
import { elsewhere, rival, world } from "./world.js";

export const ABOUT_KEYS: readonly Lie[] = [
  {
    title: "Puts its own keys in place of Bob's",
    act: "swap-identity",
    does: "Alice has written to Bob before. Now the relay shows her keys of its own under his name, so that it could read what she sends him.",
    means: "Alice's device remembers Bob's keys. New ones without proof are “changed”: nothing is encrypted to them, in this session or after a reload, until she has compared a code.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      const { id } = await w.alice.session.encrypt("for bob", { shareWith: ["bob"] });
      w.alice.view.misbehave("swap-identity", { login: "bob", from: (await elsewhere("bob")).relay });
      await w.alice.session.refresh();
      await log.gives('alice.trust.state("bob")', w.alice.session.trust.state("bob"), (state) => state === "changed");
      await log.refused('alice.encrypt("secret", { shareWith: ["bob"] })', w.alice.session.encrypt("secret", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
      await log.refused('alice.giveAccess([id], "bob")', w.alice.session.giveAccess([id], "bob"), "ERR_IDENTITY_CHANGED");
      await log.gives('after a reload: alice.trust.state("bob")', w.alice.again().then((session) => session.trust.state("bob")), (state) => state === "changed");
    },
  },
  {
    title: "Does so before Alice ever saw Bob's keys",
    act: "swap-identity",
    does: "At first sight there is nothing to compare with: Alice's device cannot know that these are not Bob's keys.",
    means: "It says so: “unverified”. The two codes differ, and comparing them finds the relay out. Whoever never compares relies on an honest relay at first sight, and on nobody afterwards.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      w.alice.view.misbehave("swap-identity", { login: "bob", from: (await elsewhere("bob")).relay });
      const real = await w.bob.session.trust.verificationCode("bob");
      await log.gives('alice.trust.state("bob")', w.alice.session.trust.state("bob"), (state) => state === "unverified");
      await log.gives('bob.trust.verificationCode("bob")', Promise.resolve(real), () => true);
      await log.gives('alice.trust.verificationCode("bob")', w.alice.session.trust.verificationCode("bob"), (code) => code !== real);
      await log.refused('alice.trust.verify("bob", the code that Bob reads out)', w.alice.session.trust.verify("bob", real), "ERR_VERIFICATION_FAILED");
    },
  },
  {
    title: "Shows keys that Bob has replaced",
    act: "old-identity",
    does: "Bob renewed his keys, perhaps because the old ones were stolen. The relay goes on showing Alice the old ones.",
    means: "Versions only go up. Whatever is older than what this device has seen is a rollback, and nothing is encrypted to it.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      const before = w.relay.snapshot();
      await w.bob.session.identities.renewKeys();
      await w.alice.session.encrypt("for the new keys", { shareWith: ["bob"] });
      w.alice.view.misbehave("old-identity", { login: "bob", at: before });
      await log.gives('alice.trust.state("bob")', w.alice.session.trust.state("bob"), (state) => state === "changed");
      await log.refused('alice.encrypt("secret", { shareWith: ["bob"] })', w.alice.session.encrypt("secret", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
    },
  },
  {
    title: "Shows a rival version of Bob's keys",
    act: "alter-identity",
    does: "A thief of Bob's old keys made new ones that follow them with a valid signature, as Bob did himself. The relay shows Alice the thief's.",
    means: "Two versions with one number cannot both be true: “forked”. Nothing is encrypted to either, not even once the relay behaves again, until somebody has compared a code.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      await w.alice.session.encrypt("first", { shareWith: ["bob"] });
      const keyset = await rival(w);
      await w.bob.session.identities.renewKeys();
      await w.alice.session.encrypt("second", { shareWith: ["bob"] });
      w.alice.view.misbehave("alter-identity", {
        login: "bob",
        change: ({ keysets }) => ({ keysets: [keysets[0], { ...keysets[1], keyset }] }),
      });
      await w.alice.session.refresh();
      await log.gives('alice.trust.state("bob")', w.alice.session.trust.state("bob"), (state) => state === "forked");
      await log.refused('alice.encrypt("secret", { shareWith: ["bob"] })', w.alice.session.encrypt("secret", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
      w.alice.view.behave();
      await log.refused("the same once the relay behaves", w.alice.session.encrypt("secret", { shareWith: ["bob"] }), "ERR_IDENTITY_CHANGED");
    },
  },
  {
    title: "Hides from Bob's new phone what his laptop knows",
    act: "alter",
    does: "Bob compared Alice's code on his laptop. To his new phone the relay shows nothing of that, so that keys of its own under her name would be taken at first sight.",
    means: "Everything that Bob's devices tell each other hangs on one signed head by hashes. What is missing shows: the phone cannot know what it was, and warns that something is.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      await w.bob.session.trust.verify("alice", await w.alice.session.trust.verificationCode("alice"));
      await w.bob.session.refresh();
      const phone = async () => (await Regrant.open({ application: "notes", relay: w.bob.view, store: createStore() })).connect({ login: "bob", keyPair: w.bob.keyPair });
      const kinds = (session: Session) => session.warnings.map(({ kind }) => kind);
      const honest = await phone();
      await log.gives('a phone that is shown all: phone.trust.state("alice")', honest.trust.state("alice"), (state) => state === "verified");
      w.bob.view.misbehave("alter", { kind: "piece", change: () => undefined });
      const session = await phone();
      await log.gives('phone.trust.state("alice")', session.trust.state("alice"), (state) => state === "unverified");
      await log.gives("phone.warnings", Promise.resolve(kinds(session)), (shown) => shown.includes("pins-withheld"));
    },
  },
  {
    title: "Changes one field of Bob's keys",
    act: "alter-identity",
    does: "The relay leaves Bob's record as it is, but for the key that others encrypt to: there it puts another.",
    means: "A record is signed by the keys that are in it. With one field changed it is none, whoever looks.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      const { encryptionKey } = w.relay.read(w.relay.of("identity", "alice")).keysets[0].keyset;
      w.alice.view.misbehave("alter-identity", {
        login: "bob",
        change: ({ keysets: [own] }) => ({ keysets: [{ ...own, keyset: { ...own.keyset, encryptionKey } }] }),
      });
      await log.refused('alice.encrypt("secret", { shareWith: ["bob"] })', w.alice.session.encrypt("secret", { shareWith: ["bob"] }), "ERR_VERIFICATION_FAILED");
    },
  },
  {
    title: "Asks for access back itself",
    act: "swap-identity",
    does: "The relay tells Bob that Alice lost her keys, and that these, its own, are her new ones. If he gave access back to them, it would read everything.",
    means: "Without a code nothing is given, and the code that Alice reads out belongs to her keys, not to the relay's. This is why people compare codes.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      await w.alice.session.encrypt("ours", { shareWith: ["bob"] });
      const stranger = await elsewhere("alice");
      w.bob.view.misbehave("swap-identity", { login: "alice", from: stranger.relay });
      const key = stranger.session.publicKey.encryption;
      const verificationCode = await w.alice.session.trust.verificationCode("alice");
      await log.refused('bob.giveAccessBackTo("alice", key)', w.bob.session.giveAccessBackTo("alice", key), "ERR_VERIFICATION_FAILED");
      await log.refused(
        'bob.giveAccessBackTo("alice", key, { verificationCode: Alice\'s })',
        w.bob.session.giveAccessBackTo("alice", key, { verificationCode }),
        "ERR_VERIFICATION_FAILED",
      );
    },
  },
  {
    title: "Says that Bob does not exist",
    act: "deny-identity",
    does: "Perhaps Alice then sends her secret without him, or to somebody else.",
    means: "It is an error that names him, and nothing was encrypted or sent. That he does exist, the device cannot prove.",
    verdict: "withstood",
    async play(log) {
      const w = await world();
      w.alice.view.misbehave("deny-identity", { login: "bob" });
      await log.refused('alice.encrypt("secret", { shareWith: ["bob"] })', w.alice.session.encrypt("secret", { shareWith: ["bob"] }), "ERR_IDENTITY_NOT_FOUND");
      const grants = w.relay.keys.filter((key) => key.startsWith("grant/")).length;
      await log.gives("grants that the relay got", Promise.resolve(grants), (count) => count === 0);
    },
  },
  {
    title: "Says that Alice herself does not exist",
    act: "deny-identity",
    does: "Were her device to register her anew, with new keys, everything she has would be closed to her.",
    means: "A device that has keys does not begin anew because a relay says so, and neither does it with “reset”.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      const { bytes } = await w.alice.session.encrypt("mine");
      w.alice.view.misbehave("deny-identity", { login: "alice" });
      await log.refused('connect({ login: "alice", … })', w.alice.again(), "ERR_IDENTITY_NOT_FOUND");
      await log.refused('connect({ login: "alice", … }, { reset: true })', w.alice.again({ reset: true }), "ERR_IDENTITY_NOT_FOUND");
      w.alice.view.behave();
      await log.gives("once it behaves: alice.decrypt(bytes)", w.alice.again().then((session) => session.decrypt(bytes)).then(({ data }) => data), (data) => data === "mine");
    },
  },
];
