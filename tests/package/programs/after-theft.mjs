// Renewing keys after a theft: whoever renews learns for whom the new keys sign, and what a thief gave does not go on.
import { pair, read, world } from "../world.mjs";
import { device, outcome } from "../trust.mjs";

export const variants = ["programs"];

/** So that a new secret costs no time. */
const kdf = { name: "pbkdf2", iterations: 600_000 };

/** What comes after has a later time, in milliseconds: relays and clients know no finer one. */
function later() {
  for (const then = Date.now(); Date.now() <= then; );
  return new Date();
}

/** For whom the new keys signed and for whom not, but herself. */
const others = (said) => [said?.resigned, said?.notResigned].map((logins) => logins?.filter((login) => login !== "alice").sort());

/** Alice gave Bob an item. Since then, a thief of her key pair gave it to Eve. */
async function stolen() {
  const w = await world(["bob", "eve"]);
  const [view, keyPair] = [w.relay.view(), await pair(3)];
  const alice = await device(view, "alice", { keyPair }, { kdf });
  const sealed = await alice.encrypt("alice's", { shareWith: ["bob"] });
  const since = later();
  const thief = await device(w.relay.view(), "alice", { keyPair }, { kdf });
  await thief.giveAccess([sealed.id], "eve");
  for (const { session } of [w.bob, w.eve]) if ((await read(session, sealed.bytes)) !== "alice's") throw new Error("both read it");
  return { ...w, alice, thief, sealed, since };
}

export const scenarios = {
  "renewing keys says for whom the new ones signed": async ({ equal, same }) => {
    const w = await stolen();
    const said = await w.alice.identities.renewKeys();
    const next = await w.alice.encrypt("next", { id: w.sealed.id });
    equal(await read(w.eve.session, next.bytes), "next", "without a word of a theft, everybody goes on");
    same(others(said), [["bob", "eve"], []]);
  },

  "after a theft nothing that was given since is signed anew or carried over": async ({ code, equal, same }) => {
    const w = await stolen();
    const { value: said, code: refused } = await outcome(w.alice.identities.renewKeys("alice", { compromised: { since: w.since }, secret: "a new password" }));
    equal(refused, undefined, "renewing after a theft");
    same(others(said), [["bob"], ["eve"]]);
    const next = await w.alice.encrypt("next", { id: w.sealed.id });
    equal(await read(w.bob.session, next.bytes), "next");
    await code(w.eve.session.decrypt(next.bytes), "ERR_NO_ACCESS");
    // Nor does the thief come in again.
    await code(w.thief.decrypt(next.bytes), "ERR_NO_ACCESS");
    await code(w.thief.encrypt("in her name"), "ERR_LOCKED");
  },

  "after a theft keys are renewed with a new secret only": async ({ code, equal }) => {
    const w = await stolen();
    const versions = () => w.relay.read("identity/alice").keysets.length;
    await code(w.alice.identities.renewKeys("alice", { compromised: { since: w.since } }), "ERR_BAD_INPUT");
    equal(versions(), 1, "nothing has changed");
    const said = await outcome(w.alice.identities.renewKeys("alice", { compromised: { since: w.since }, secret: "a new password" }));
    equal(said.code, undefined, "with one");
    equal(versions(), 2);
  },

  "after a theft the stolen way of unlocking opens no newer keys": async ({ code, equal }) => {
    const w = await stolen();
    const renewed = await outcome(w.alice.identities.renewKeys("alice", { compromised: { since: w.since }, secret: "a new password" }));
    equal(renewed.code, undefined, "renewing after a theft");
    const next = await w.alice.encrypt("next");
    const again = await device(w.relay.view(), "alice", { password: "a new password" }, { kdf });
    equal(await read(again, next.bytes), "next");
    const old = await device(w.relay.view(), "alice", { keyPair: await pair(3) }, { kdf });
    equal(old.publicKey.version, 1, "the stolen pair opens its own version");
    await code(old.decrypt(next.bytes), "ERR_NO_ACCESS");
  },
};
