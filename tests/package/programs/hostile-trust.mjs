// Whose key is whose, and what is given to whom: attacks that succeeded once, each a test of its own whose name says what
// the client does.
import { Regrant } from "regrant";
import { read, world } from "../world.mjs";

export const variants = ["programs"];

export const scenarios = {
  "access that is given back is what was between the two, whatever options are given": async ({ code, equal, ok, same, vault }) => {
    const w = await world(["alice", "bob", "carol"]);
    const ours = await w.alice.session.encrypt("ours", { shareWith: ["bob"] });
    const back = await w.bob.session.encrypt("from bob", { shareWith: ["alice"] });
    const diary = await w.bob.session.encrypt("diary");
    const carols = await w.carol.session.encrypt("carol's secret", { shareWith: ["bob"] });
    equal(await read(w.bob.session, carols.bytes), "carol's secret");
    const fresh = await (await Regrant.open({ relay: w.relay, store: "memory" })).connect({ login: "alice", ...vault(5) }, { reset: true });
    const verificationCode = await fresh.trust.verificationCode("alice");
    const key = fresh.publicKey.encryption;
    const give = (o) => w.bob.session.giveAccessBackTo("alice", key, { verificationCode, ...o });
    const grants = () => w.relay.keys.filter((key) => key.startsWith("grant/")).length;
    const before = grants();
    for (const o of [{ until: new Date(Date.now() + 60_000) }, { items: [ours.id, diary.id] }]) await code(give(o), "ERR_BAD_INPUT");
    await fresh.refresh();
    for (const { bytes } of [ours, back, diary, carols]) await code(fresh.decrypt(bytes), "ERR_NO_ACCESS");
    // The way that is left gives all that was between the two, names it, and gives nothing else.
    const receipt = await give({});
    const pair = w.relay.keys.filter((key) => key.startsWith("exchange/")).map((key) => w.relay.read(key).exchange);
    const between = pair.filter(({ delegator, delegate }) => [delegator, delegate].sort().join() === "alice,bob").map(({ id }) => id);
    same([...receipt.exchanges].sort(), between.sort());
    ok(receipt.exchanges.length === 2 && receipt.slots.length === 0 && grants() === before);
    await fresh.refresh();
    equal(await read(fresh, ours.bytes), "ours");
    equal(await read(fresh, back.bytes), "from bob");
    for (const { bytes } of [diary, carols]) await code(fresh.decrypt(bytes), "ERR_NO_ACCESS");
  },
};
