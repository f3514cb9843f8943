// A new device of one's own, to which the relay shows its person as of an earlier time, alone or with a thief of earlier
// keys. What can be prevented is refused; what can only be seen is shown: `session.warnings`.
import { pair, read, world } from "../world.mjs";
import { asked, before, compare, device, fork, outcome, rootOf, saidBy } from "../trust.mjs";

export const variants = ["programs"];

/** Whether a session shows a warning of one of these kinds. */
const warned = (session, ...kinds) => session.warnings?.some(({ kind }) => kinds.includes(kind)) ?? false;

/**
 * Alice with a password, and Bob, whose code she compared. `earlier` is what the relay had before she renewed her keys and
 * changed the password, as one does after a theft.
 */
async function renewed(vault) {
  const w = await world(["bob"]);
  const view = w.relay.view();
  const alice = await device(view, "alice", vault(1));
  await compare(alice, w.bob.session);
  const sealed = await alice.encrypt("of before", { shareWith: ["bob"] });
  const earlier = w.relay.snapshot();
  await alice.identities.renewKeys();
  await alice.changeSecret(vault(2));
  await compare(w.bob.session, alice);
  return { ...w, view, alice, sealed, earlier };
}

export const scenarios = {
  "with a thief of the first version, a new phone encrypts nothing in silence that the thief reads": async ({ equal, ok, vault }) => {
    const w = await world(["alice", "bob"]);
    const { session, keyPair } = w.alice;
    // A way of unlocking beside the key pair, which is stolen; the password is not.
    await session.changeSecret(vault(1));
    const stolen = fork(w.relay);
    const thief = await device(stolen, "alice", { keyPair });
    await thief.identities.renewKeys();
    await session.unlock(vault(1));
    await session.identities.renewKeys();
    equal(await read(await device(w.relay.view(), "alice", vault(1)), (await session.encrypt("mine")).bytes), "mine");

    // All else is as it is: the relay shows the thief's second version in place of hers.
    const other = fork(w.relay, { "identity/alice": stolen.read("identity/alice") });
    const keys = asked(other);
    const phone = await outcome(device(other, "alice", vault(1)));
    ok(keys.has("identity/alice"));
    if (phone.code) return void equal(phone.code, "ERR_VERIFICATION_FAILED");
    const sealed = await outcome(phone.value.encrypt("of the new phone"));
    if (sealed.code) return void equal(sealed.code, "ERR_IDENTITY_CHANGED");
    // The thief follows to where the phone wrote.
    stolen.restore(other.snapshot());
    const taken = await outcome(read(thief, sealed.value.bytes));
    ok(taken.code === "ERR_NO_ACCESS" || warned(phone.value, "older-own-keys", "fork"), `the thief reads ${taken.value}, and the phone shows nothing`);
  },

  "a record from before the keys were renewed is not one that a new phone encrypts by in silence": async ({ equal, code, ok, vault }) => {
    const w = await renewed(vault);
    await code(device(w.relay.view(), "alice", vault(1)), "ERR_WRONG_SECRET");
    // The relay plays back what it kept of her keys; all else that it shows is of now.
    const other = fork(w.relay, { "identity/alice": fork(w.earlier).read("identity/alice") });
    const keys = asked(other);
    const phone = await outcome(device(other, "alice", vault(1)));
    ok(keys.has("identity/alice"));
    if (phone.code) return void equal(phone.code, "ERR_VERIFICATION_FAILED");
    const sealed = await outcome(phone.value.encrypt("of the new phone", { shareWith: ["bob"] }));
    equal(phone.value.publicKey.version, 1);
    ok(sealed.code === "ERR_IDENTITY_CHANGED" || warned(phone.value, "older-own-keys"), "it encrypts under the old keys, and shows nothing");
  },

  "a phone that was taken back in time shows so once it sees what is newer": async ({ equal, ok, vault }) => {
    const w = await renewed(vault);
    // Everything is as it was: nothing at all could tell the phone.
    const other = fork(w.earlier);
    const phone = await device(other, "alice", vault(1));
    equal(phone.publicKey.version, 1);
    equal(await read(phone, w.sealed.bytes), "of before");
    await phone.encrypt("of the new phone");
    equal(warned(phone, "older-own-keys"), false);

    other.restore(w.relay.snapshot());
    const keys = asked(other);
    await outcome(phone.refresh());
    await outcome(phone.trust.state("alice"));
    ok(keys.has("identity/alice"));
    ok(warned(phone, "older-own-keys"), "the newer keys are there, and nothing is shown");
  },

  "a warning is told to whoever listens": async ({ same, vault }) => {
    const w = await renewed(vault);
    const other = fork(w.earlier);
    const phone = await device(other, "alice", vault(1));
    await phone.encrypt("of the new phone");
    other.restore(w.relay.snapshot());
    const heard = [];
    phone.on("warning", ({ kind, logins }) => heard.push([kind, logins]));
    await outcome(phone.refresh());
    await outcome(phone.trust.state("alice"));
    await new Promise((done) => setTimeout(done));
    same(heard, [["older-own-keys", ["alice"]]]);
  },

  "pins that the relay withholds, garbles or takes back are shown on a new phone": async ({ equal, ok }) => {
    const w = await world(["alice", "bob"]);
    const { session, keyPair } = w.bob;
    await session.trust.state("alice");
    const old = w.relay.read(rootOf(w.relay, "bob"));
    await compare(session, w.alice.session);
    // Without a lie, the phone knows what the laptop compared, and has nothing to show.
    const honest = await device(fork(w.relay), "bob", { keyPair });
    equal(await honest.trust.state("alice"), "verified");
    equal(honest.warnings.length, 0);

    const [said, piece] = ["said/bob", rootOf(w.relay, "bob")];
    const { head, ...kept } = w.relay.read(said);
    const altered = (fields) => ({ [said]: { ...kept, head: { ...head, ...fields } } });
    const garbled = w.relay.read(piece).replace(/^..../, "AAAA");
    const lies = {
      "the head withheld": { [said]: undefined },
      "the piece withheld": { [piece]: undefined },
      "both withheld": { [said]: undefined, [piece]: undefined },
      "the head garbled": altered({ signature: head.signature.replace(/^..../, "AAAA") }),
      "the head altered": altered({ body: "{}" }),
      "the piece garbled": { [piece]: garbled },
      "an older piece under the head": { [piece]: old },
    };
    const silent = [];
    for (const [how, shown] of Object.entries(lies)) {
      const other = fork(w.relay, shown);
      const keys = asked(other);
      const phone = await device(other, "bob", { keyPair });
      await phone.refresh();
      ok(keys.has(said) && (keys.has(piece) || !(piece in shown) || said in shown), how);
      // What it knows of Alice is first use again: nobody may take that for the whole truth.
      equal(await phone.trust.state("alice"), "unverified", how);
      if (!warned(phone, "pins-withheld")) silent.push(how);
      // It says nothing poorer in the place of that, and is none the worse when the relay shows all of it.
      equal(JSON.stringify(saidBy(other, "bob")), JSON.stringify(saidBy(fork(w.relay, shown), "bob")), how);
      for (const [key, value] of Object.entries(saidBy(w.relay, "bob"))) other.write(key, value);
      await phone.refresh();
      equal(await phone.trust.state("alice"), "verified", how);
      equal(phone.warnings.length, 0, how);
    }
    equal(silent.join(), "", "of these, nothing is shown");
  },

  "an earlier state as a whole takes nothing from a phone once it sees what is newer": async ({ equal }) => {
    const w = await world(["alice", "bob"]);
    const { session, keyPair } = w.bob;
    await session.trust.state("alice");
    const old = saidBy(w.relay, "bob");
    await compare(session, w.alice.session);
    // Nothing at all could tell the phone: all that was said is as it was.
    const now = saidBy(w.relay, "bob");
    const other = fork(w.relay, { ...Object.fromEntries(Object.keys(now).map((key) => [key, undefined])), ...old });
    const phone = await device(other, "bob", { keyPair });
    equal(await phone.trust.state("alice"), "unverified");
    equal(phone.warnings.length, 0);
    for (const [key, value] of Object.entries(now)) other.write(key, value);
    await phone.refresh();
    equal(await phone.trust.state("alice"), "verified");
  },

  "standing shares that were stopped share nothing when they are played back to a new phone": async ({ code, equal, ok, same }) => {
    const w = await world(["alice", "bob"]);
    const { session, keyPair } = w.alice;
    await session.shareFuture(["bob"]);
    const meanwhile = await device(fork(w.relay), "alice", { keyPair });
    same(await meanwhile.sharingFuture(), ["bob"]);
    const piece = rootOf(w.relay, "alice");
    const old = await before(w.relay, () => session.stopSharingFuture(["bob"]));
    ok("said/alice" in old && piece in old);
    same(await session.sharingFuture(), []);

    const other = fork(w.relay, { [rootOf(w.relay, "alice")]: old[piece] });
    const keys = asked(other);
    const phone = await device(other, "alice", { keyPair });
    const sealed = await outcome(phone.encrypt("mine alone"));
    ok(keys.has("said/alice") && keys.has(rootOf(w.relay, "alice")));
    ok(warned(phone, "shares-withheld"));
    await code(phone.sharingFuture(), "ERR_VERIFICATION_FAILED");
    if (sealed.code) return void equal(sealed.code, "ERR_VERIFICATION_FAILED");
    await code((await device(other, "bob", { keyPair: w.bob.keyPair })).decrypt(sealed.value.bytes), "ERR_NO_ACCESS");
  },

  "standing shares that the relay withholds from a new phone are shown": async ({ code, equal, ok, same }) => {
    const w = await world(["alice", "bob"]);
    const { session, keyPair } = w.alice;
    await session.shareFuture(["bob"]);
    same(await (await device(fork(w.relay), "alice", { keyPair })).sharingFuture(), ["bob"]);
    for (const withheld of ["said/alice", rootOf(w.relay, "alice")]) {
      const other = fork(w.relay, { [withheld]: undefined });
      const keys = asked(other);
      const phone = await device(other, "alice", { keyPair });
      const sealed = await outcome(phone.encrypt("as always"));
      ok(keys.has(withheld));
      await code(phone.sharingFuture(), "ERR_VERIFICATION_FAILED");
      if (sealed.code) {
        equal(sealed.code, "ERR_VERIFICATION_FAILED");
        continue;
      }
      ok(warned(phone, "shares-withheld"), "it does not share, and shows nothing");
    }
  },
};
