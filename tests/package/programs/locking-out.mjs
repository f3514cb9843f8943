// Whoever owns an item or manages a group can go on reading, writing and excluding, whatever a reader, a member or the
// relay fills in.
import { read, world } from "../world.mjs";
import { asked, device, outcome, writeText } from "../trust.mjs";

export const variants = ["programs"];
/** Takes long, and engines make no difference to it: in others when they are asked for. */
export const engines = ["chromium"];

/** More than a page of the relay's lists. */
const MANY = 4_200;

/** Has what is made next bear this id. */
function numbered(n, make) {
  const value = () => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  Object.defineProperty(crypto, "randomUUID", { value, configurable: true });
  try {
    return make();
  } finally {
    delete crypto.randomUUID;
  }
}

/**
 * Alice's item, which Bob, Carol and Dave read. Bob has a client of his own, and gives it so many times to Ann, under
 * names that come before all others.
 */
async function flooded(count) {
  const w = await world(["alice", "bob", "carol", "dave", "Ann"]);
  const sealed = await w.alice.session.encrypt("mine", { shareWith: ["bob", "carol", "dave"] });
  const { who, items } = await w.taken("alice", "bob");
  const { exchange, key } = await numbered(0, () => who.exchange(w.keyset("Ann")));
  w.plant("Ann", { exchange, wraps: [await who.wrap(exchange, key, w.keyset("Ann"))] });
  for (let n = 1; n <= count; ) {
    const some = [];
    for (; some.length < 256 && n <= count; n++) some.push(numbered(n, () => who.grant(exchange, key, items)));
    for (const grant of await Promise.all(some)) w.relay.write(`grant/${grant.id}`, { grant });
  }
  w.tell("Ann", { grant: "00000000-0000-4000-8000-000000000001" });
  const names = [...w.relay.snapshot().records.values()].flatMap(({ index = [] }) => index);
  const rows = names.filter((name) => name.startsWith(`readers/${sealed.id}/`)).sort();
  return { ...w, sealed, rows };
}

/** The same with a few and with many: only the number makes a difference. */
const inBoth = async (check) => {
  for (const count of [3, MANY]) await check(await flooded(count), count);
};

/** Alice founds a ward with Bob and Eve, whose keys she keeps; Dave is outside. */
async function ward(o) {
  const w = await world(["alice", "bob", "eve", "dave"]);
  await w.alice.session.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["alice", "bob", "eve"], ...o });
  const members = async (who) => (await w[who].session.identities.getSharingGroup("ward")).map(({ login }) => login).join();
  const former = async () => (await w.forge("eve")).openShared(w.relay.read("identity/ward").keysets.at(-1));
  return { ...w, members, former };
}

export const scenarios = {
  "thousands of grants of one item hide none of its readers": async ({ equal, ok }) => {
    await inBoth(async (w, count) => {
      ok(w.rows.length > count && w.rows[count - 1].includes("/Ann/"), "the planted ones come first");
      const keys = asked(w.alice.view);
      const said = await outcome(w.alice.session.whoCanRead(w.sealed.id));
      for (const n of [1, count]) ok(keys.has(`grant/00000000-0000-4000-8000-${String(n).padStart(12, "0")}`), "the planted ones were listed");
      equal(said.code ?? [...new Set(said.value.map(({ login }) => login))].sort().join(), "Ann,alice,bob,carol,dave", `with ${count}`);
    });
  },

  "thousands of grants of one item do not keep its owner from revoking and writing": async ({ code, equal, same }) => {
    await inBoth(async (w, count) => {
      const { id } = w.sealed;
      const report = await outcome(w.alice.session.revoke([id], "carol"));
      equal(report.code, undefined, `revoking, with ${count}`);
      same(report.value.items, [id], `revoking, with ${count}`);
      const next = await outcome(w.alice.session.encrypt("next", { id }));
      equal(next.code, undefined, `writing, with ${count}`);
      equal(await read(w.dave.session, next.value.bytes), "next");
      await code(w.carol.session.decrypt(next.value.bytes), "ERR_NO_ACCESS");
    });
  },

  "thousands of grants of one item do not outlive its removal": async ({ code, equal }) => {
    await inBoth(async (w, count) => {
      const { id, bytes } = w.sealed;
      const reads = async (who) => (await outcome((await device(w.relay.view(), who, { keyPair: w[who].keyPair })).decrypt(bytes))).code ?? "reads";
      for (const who of ["dave", "Ann"]) equal(await reads(who), "reads");
      await w.alice.session.remove([id], { hard: true });
      equal(await reads("dave"), "ERR_NO_ACCESS", `a reader, with ${count}`);
      for (const who of ["bob", "Ann"]) equal(await reads(who), "ERR_NO_ACCESS", `${who}, with ${count}`);
    });
  },

  "a list of sharers with the last number keeps nobody from excluding whoever wrote it": async ({ code, equal }) => {
    // An ordinary number, and the last one that eight bytes hold.
    for (const counter of [5n, 2n ** 64n - 1n]) {
      const w = await ward();
      const { forger } = await w.former();
      const account = w.relay.read("identity/ward");
      const [own] = account.keysets;
      own.manifest = { ...(await forger.manifest(own.manifest, own.slots, counter)), counter: "COUNTER" };
      writeText(w.relay, "identity/ward", JSON.stringify(account).replace('"COUNTER"', String(counter)));
      const keys = asked(w.alice.view);
      for (const [how, change] of Object.entries({
        excluding: () => w.alice.session.identities.replaceSharingGroup("ward", ["alice", "bob"]),
        "adding afterwards": () => w.alice.session.identities.extendSharingGroup("ward", ["dave"]),
      })) {
        equal((await outcome(change())).code, undefined, `${how}, at ${counter}`);
      }
      if (!keys.has("identity/ward")) throw new Error("the list was asked for");
      equal(await w.members("bob"), "alice,bob,dave");
      const sealed = await w.dave.session.encrypt("after", { shareWith: ["ward"] });
      equal(await read(w.bob.session, sealed.bytes), "after");
      await code(w.eve.session.decrypt(sealed.bytes), "ERR_NO_ACCESS");
    }
  },

  "a member who does not manage a group changes nothing in its list": async ({ equal, code }) => {
    // Without managers, every member may: also exclude the founder.
    const open = await ward();
    await open.eve.session.identities.replaceSharingGroup("ward", ["bob", "eve"]);
    equal(await open.members("bob"), "bob,eve");

    const w = await outcome(ward({ managers: ["alice"] }));
    equal(w.code, undefined, "a group with managers");
    const { alice, bob, eve, members } = w.value;
    await code(eve.session.identities.replaceSharingGroup("ward", ["bob", "eve"]), "ERR_FORBIDDEN");
    await code(eve.session.identities.extendSharingGroup("ward", ["dave"]), "ERR_FORBIDDEN");
    await code(eve.session.identities.removeFromSharingGroup("ward", ["alice"]), "ERR_FORBIDDEN");
    equal(await members("bob"), "alice,bob,eve");
    // Members read and act all the same, and managers change the list.
    const sealed = await alice.session.encrypt("for the ward", { shareWith: ["ward"] });
    for (const { session } of [bob, eve]) equal(await read(session, sealed.bytes), "for the ward");
    await alice.session.identities.replaceSharingGroup("ward", ["alice", "bob"]);
    equal(await members("bob"), "alice,bob");
  },

  "with the relay, a member who does not manage a group changes nothing in its list either": async ({ equal, code, ok }) => {
    // The member holds the group's keys, and signs a list without the founder; the relay takes and shows it.
    const exclude = async (w) => {
      const { forger } = await w.former();
      const account = w.relay.read("identity/ward");
      const own = account.keysets.at(-1);
      const slots = own.slots.filter(({ holder }) => holder.login !== "alice");
      ok(slots.length === own.slots.length - 1);
      Object.assign(own, { slots, manifest: await forger.manifest(own.manifest, slots) });
      w.bob.view.misbehave("alter-identity", { login: "ward", change: () => account });
      return asked(w.bob.view);
    };
    const open = await ward();
    await exclude(open);
    equal(await open.members("bob"), "bob,eve", "where every member manages");

    const w = await outcome(ward({ managers: ["alice"] }));
    equal(w.code, undefined, "a group with managers");
    const keys = await exclude(w.value);
    await code(w.value.members("bob"), "ERR_VERIFICATION_FAILED");
    ok(keys.has("identity/ward"));
  },

  "with the relay, new keys by a member who does not manage a group are not the group's": async ({ equal, code }) => {
    // Eve renews the group's keys for herself alone: chained by the keys that every member has.
    const take = async (w) => {
      const { forger } = await w.former();
      const next = await forger.nextKeyset(w.eve.keyPair);
      w.dave.view.misbehave("alter-identity", { login: "ward", change: ({ keysets }) => ({ keysets: [...keysets, { ...keysets[0], keyset: next }] }) });
      return asked(w.dave.view);
    };
    const open = await ward();
    await open.dave.session.encrypt("before", { shareWith: ["ward"] });
    await take(open);
    equal((await open.dave.session.identities.get("ward")).version, 2, "where every member manages");
    await open.dave.session.encrypt("for whoever renewed it", { shareWith: ["ward"] });

    const w = await outcome(ward({ managers: ["alice"] }));
    equal(w.code, undefined, "a group with managers");
    const { dave } = w.value;
    await dave.session.encrypt("before", { shareWith: ["ward"] });
    const keys = await take(w.value);
    await code(dave.session.encrypt("not for eve", { shareWith: ["ward"] }), "ERR_IDENTITY_CHANGED");
    equal(keys.has("identity/ward"), true);
  },

  "a stale list excludes nobody in silence": async ({ equal, code }) => {
    const w = await ward();
    const { alice, bob } = w;
    const seen = ["alice", "bob", "eve"];
    equal(await w.members("alice"), seen.join());
    await bob.session.identities.extendSharingGroup("ward", ["dave"]);
    // Alice has not heard of Dave, and only means to exclude Eve.
    const replace = (expected) => alice.session.identities.replaceSharingGroup("ward", ["alice", "bob"], { expected });
    equal((await outcome(replace(seen))).code, "ERR_CONFLICT", "a list of before");
    equal(await w.members("bob"), "alice,bob,dave,eve");
    await replace([...seen, "dave"]);
    equal(await w.members("bob"), "alice,bob");
    await code(w.dave.session.identities.as("ward"), "ERR_FORBIDDEN");
  },

  "removing somebody from a group excludes that one alone": async ({ equal, code }) => {
    const w = await ward();
    await w.bob.session.identities.extendSharingGroup("ward", ["dave"]);
    // In one step, without a list of those who stay.
    equal(typeof w.alice.session.identities.removeFromSharingGroup, "function");
    await w.alice.session.identities.removeFromSharingGroup("ward", ["eve"]);
    equal(await w.members("bob"), "alice,bob,dave");
    const sealed = await w.alice.session.encrypt("after", { shareWith: ["ward"] });
    for (const { session } of [w.bob, w.dave]) equal(await read(session, sealed.bytes), "after");
    await code(w.eve.session.decrypt(sealed.bytes), "ERR_NO_ACCESS");
  },
};
