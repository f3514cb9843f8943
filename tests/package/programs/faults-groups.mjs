// A page that dies at any write of what changes the sharing graph: afterwards everything is as before or done, and doing
// it again finishes it. See faults.mjs.
import { createFaults, createRelay, createStore } from "regrant/testing";
import { devices, stopping } from "../everywhere.mjs";

/** Takes minutes in each: in others when they are asked for. */
export const engines = ["chromium"];

/** A ward with files of its own, at a relay and on devices that stop together. */
async function setting({ equal, vault }) {
  const faults = createFaults();
  const relay = createRelay({ faults });
  const other = relay.view();
  const stores = { alice: createStore({ faults }), bob: createStore(), eve: createStore() };
  const { open, close } = devices();
  const connect = async (who) => (await open({ application: "regrant", relay: who === "alice" ? relay : other, store: stores[who] })).connect({ login: who, ...vault(who) });

  const [alice, bob] = [await connect("alice"), await connect("bob"), await connect("eve")];
  await alice.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["alice", "bob", "eve"] });
  await alice.identities.create({ login: "files", kind: "group" }, { sharingGroup: ["ward"] });
  const old = await bob.encrypt("old", { shareWith: ["files"] });
  equal((await alice.decrypt(old.bytes)).data, "old");
  const base = { relay: relay.snapshot(), stores: Object.values(stores).map((store) => store.snapshot()) };
  const everywhere = stopping(faults, async () => {
    await close();
    relay.restore(base.relay);
    Object.values(stores).forEach((store, at) => store.restore(base.stores[at]));
  });
  const session = () => connect("alice");
  return { everywhere, session, connect, old };
}

export const scenarios = {
  "creating a group is done or not done, wherever it stops": async (t) => {
    const { equal, ok, same } = t;
    const { everywhere, session, connect } = await setting(t);
    const create = async (session) => session.identities.create({ login: "new", name: "New", kind: "group" }, { sharingGroup: ["alice", "bob"] });
    const writes = await everywhere(
      "create",
      session,
      create,
      async () => {
        const again = await session();
        // It is there, whole, or not at all.
        await create(again).catch(({ code }) => equal(code, "ERR_IDENTITY_EXISTS"));
        return again;
      },
      async (session) => {
        equal((await session.identities.get("new")).name, "New");
        same((await session.identities.getSharingGroup("new")).map(({ login }) => login), ["alice", "bob"]);
        const { bytes } = await session.encrypt("x", { shareWith: ["new"] });
        equal((await (await connect("bob")).decrypt(bytes)).data, "x");
      },
    );
    ok(writes < 20, `${writes} writes`);
  },

  "excluding somebody is done or not done, wherever it stops": async (t) => {
    const { code, equal, ok, same } = t;
    const { everywhere, session, connect, old } = await setting(t);
    const replace = (session) => session.identities.replaceSharingGroup("ward", ["alice", "bob"]);
    const writes = await everywhere("replace", session, replace, async () => {
      const again = await session();
      await replace(again);
      return again;
    }, async (session) => {
      const versions = await Promise.all(["ward", "files"].map(async (login) => (await session.identities.get(login)).version));
      // Both were renewed, together, and once.
      same(versions, [2, 2]);
      const { bytes } = await session.encrypt("after", { shareWith: ["files"] });
      const [friend, former] = [await connect("bob"), await connect("eve")];
      same([(await friend.decrypt(bytes)).data, (await friend.decrypt(old.bytes)).data], ["after", "old"]);
      await code(former.decrypt(bytes), "ERR_NO_ACCESS");
      await code(former.identities.as("ward"), "ERR_FORBIDDEN");
      equal((await session.decrypt(old.bytes)).data, "old");
    });
    ok(writes < 20, `${writes} writes`);
  },

  "renewing is done or not done, wherever it stops": async (t) => {
    const { equal, ok } = t;
    const { everywhere, session, connect, old } = await setting(t);
    const renew = (session) => session.identities.renewKeys("ward");
    const writes = await everywhere("renew", session, renew, async () => {
      const again = await session();
      await renew(again);
      return again;
    }, async (session) => {
      ok((await session.identities.get("ward")).version >= 2);
      const { bytes } = await session.encrypt("after", { shareWith: ["files"] });
      for (const who of ["bob", "eve"]) equal((await (await connect(who)).decrypt(bytes)).data, "after");
      equal((await session.decrypt(old.bytes)).data, "old");
    });
    ok(writes < 20, `${writes} writes`);
  },

  "sharing future data is done or not done, wherever it stops": async (t) => {
    const { equal, ok, same } = t;
    const { everywhere, session, connect } = await setting(t);
    const share = (session) => session.shareFuture(["bob"]);
    const writes = await everywhere("share future data", session, share, async () => {
      const again = await session();
      await share(again);
      return again;
    }, async (session) => {
      same(await session.sharingFuture(), ["bob"]);
      equal((await (await connect("bob")).decrypt((await session.encrypt("standing")).bytes)).data, "standing");
    });
    ok(writes < 20, `${writes} writes`);
  },

  "removing a group is done or not done, wherever it stops": async (t) => {
    const { code, equal, ok } = t;
    const { everywhere, session, connect, old } = await setting(t);
    const remove = (session) => session.identities.remove("files");
    const writes = await everywhere("remove", session, remove, async () => {
      const again = await session();
      await remove(again).catch(({ code }) => equal(code, "ERR_IDENTITY_NOT_FOUND"));
      return again;
    }, async (session) => {
      await code(session.identities.get("files"), "ERR_IDENTITY_NOT_FOUND");
      equal((await session.identities.list({ search: "files" })).items.length, 0);
      equal((await (await connect("bob")).decrypt(old.bytes)).data, "old");
    });
    ok(writes < 20, `${writes} writes`);
  },
};
