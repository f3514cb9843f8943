// A page that dies at any write: afterwards everything is as before or done, and doing it again finishes it.
//
// The relay and the store stop together at the n-th write, once before it takes place and once after, for every n of
// every flow. Then the same device is opened again over what is left, and the flow is run once more.
import { generateKeyPair } from "regrant";
import { createFaults, createRelay, createStore } from "regrant/testing";
import { devices, stopping } from "../everywhere.mjs";
import { outcome } from "../trust.mjs";

/** Takes minutes in each: in others when they are asked for. */
export const engines = ["chromium"];

export default async function ({ code, equal, ok, readAll, same, vault }) {
  const faults = createFaults();
  const relay = createRelay({ faults });
  // Bob's own way to the same relay: it goes on working.
  const other = relay.view();
  const stores = { alice: createStore({ faults }), bob: createStore() };

  const { open: device, close } = devices();
  const open = (who) => device({ application: "regrant", relay: who === "alice" ? relay : other, store: stores[who] });
  const connect = async (who, secret, o) => (await open(who)).connect({ login: who, ...secret }, o);
  const bob = () => connect("bob", vault(20));

  await bob();
  const alice = await connect("alice", vault(1));
  const old = await alice.encrypt("old", { shareWith: ["bob"] });
  const mine = await alice.encrypt("mine", {});
  equal((await (await bob()).decrypt(old.bytes)).data, "old");
  const base = { relay: relay.snapshot(), alice: stores.alice.snapshot(), bob: stores.bob.snapshot() };

  /** What can be read whatever happened: by others, and by herself. */
  async function unharmed(session) {
    equal((await (await bob()).decrypt(old.bytes)).data, "old", "bob reads what he was given");
    if (!session) return;
    equal((await session.decrypt(old.bytes)).data, "old", "alice reads her own");
    equal((await session.decrypt(mine.bytes)).data, "mine", "alice reads her own");
  }

  const everywhere = stopping(faults, async () => {
    await close();
    relay.restore(base.relay);
    stores.alice.restore(base.alice);
    stores.bob.restore(base.bob);
  });

  const session = () => connect("alice", vault(1));
  const counts = {};

  // A login that is new.
  {
    const carol = createStore({ faults });
    const register = async () => (await device({ application: "regrant", relay, store: carol })).connect({ login: "carol", ...vault(3) });
    counts.register = await everywhere("register", async () => carol.clear(), register, register, async (session) => {
      const { bytes } = await session.encrypt("carol's", { shareWith: ["bob"] });
      equal((await (await bob()).decrypt(bytes)).data, "carol's");
    });
  }

  counts.change = await everywhere(
    "change the secret",
    session,
    (session) => session.changeSecret(vault(2)),
    async () => {
      // One of the two opens it, and the new one can be set again.
      let session;
      try {
        session = await connect("alice", vault(1));
        await session.changeSecret(vault(2));
      } catch (error) {
        equal(error.code, "ERR_WRONG_SECRET");
      }
      return connect("alice", vault(2));
    },
    async (session) => {
      await code(connect("alice", vault(1)), "ERR_WRONG_SECRET");
      await unharmed(session);
    },
  );

  counts.renew = await everywhere(
    "renew",
    session,
    (session) => session.identities.renewKeys(),
    async () => {
      const session = await connect("alice", vault(1));
      if (session.publicKey.version === 1) await session.identities.renewKeys();
      return session;
    },
    async (session) => {
      equal(session.publicKey.version, 2);
      await unharmed(session);
      const { bytes } = await session.encrypt("new", { shareWith: ["bob"] });
      equal((await (await bob()).decrypt(bytes)).data, "new");
    },
  );

  const encrypt = (session) => session.encrypt("fresh", { shareWith: ["bob"] });
  counts.encrypt = await everywhere("encrypt", session, encrypt, async () => encrypt(await session()), async ({ bytes }) => {
    equal((await (await bob()).decrypt(bytes)).data, "fresh");
    await unharmed(await session());
  });

  const many = (session) => session.encryptMany(Array.from({ length: 20 }, (_, i) => ({ data: `item ${i}` })), { shareWith: ["bob"] });
  counts.many = await everywhere("encryptMany", session, many, async () => many(await session()), async (sealed) => {
    const reader = await bob();
    for (const [i, { bytes }] of sealed.entries()) equal((await reader.decrypt(bytes)).data, `item ${i}`);
  });

  const update = (session, o) => session.encrypt("newer", { id: old.id, ...o });
  counts.update = await everywhere(
    "a new version",
    session,
    update,
    async () => {
      const again = await session();
      const { value, code } = await outcome(update(again));
      if (!code) return value;
      // The relay had it when the page died: its bytes are nowhere, and nothing tells this device that they were its own.
      equal(code, "ERR_CONFLICT");
      return update(again, { ifVersion: "latest" });
    },
    async ({ bytes, version }) => {
      ok(version >= 2);
      equal((await (await bob()).decrypt(bytes)).data, "newer");
      // The last version that anybody has bytes of is never lost.
      equal((await (await session()).decrypt(bytes)).data, "newer");
    },
  );
  const give = (session) => session.giveAccess([mine.id], "bob");
  counts.give = await everywhere("give access", session, give, async () => give(await session()), async () => {
    equal((await (await bob()).decrypt(mine.bytes)).data, "mine");
    await unharmed(await session());
  });

  const revoke = (session) => session.revoke([old.id], "bob");
  counts.revoke = await everywhere("revoke", session, revoke, async () => revoke(await session()), async () => {
    await code((await bob()).decrypt(old.bytes), "ERR_NO_ACCESS");
    equal((await (await session()).decrypt(old.bytes)).data, "old");
  });

  // Losing the keys, and access back. Pairs are made once: making them takes longer than all the rest.
  const [lostAgain, laptops] = await Promise.all([1, 2].map(() => generateKeyPair({ modulusLength: 2048 })));
  const reset = () => connect("alice", { keyPair: lostAgain }, { reset: true });
  const lose = async () => stores.alice.clear();
  counts.reset = await everywhere("reset", lose, reset, reset, async (session) => {
    await unharmed();
    const helper = await bob();
    const told = await helper.notifications.pendingAfter(0);
    const keys = told.map((notification) => notification.properties.dataOwnerConcernedPubKey);
    ok(keys.includes(session.publicKey.encryption), "bob is told of the keys that count");
    await helper.giveAccessBackTo("alice", session.publicKey.encryption, {
      verificationCode: await session.trust.verificationCode("alice"),
    });
    await session.refresh();
    equal((await session.decrypt(old.bytes)).data, "old");
  });

  // Given back to oneself by a device that has the old keys: it is that device which stops.
  const back = async ({ fresh, held }) => {
    await held.giveAccessBackTo("alice", fresh.publicKey.encryption, {
      verificationCode: await fresh.trust.verificationCode("alice"),
      chain: true,
    });
    return { fresh };
  };
  const begin = async () => {
    const held = await session();
    const laptop = await device({ application: "regrant", relay: other, store: createStore() });
    return { held, fresh: await laptop.connect({ login: "alice", keyPair: laptops }, { reset: true }) };
  };
  counts.back = await everywhere("access back", begin, back, back, async ({ fresh }) => {
    await fresh.refresh();
    equal((await fresh.decrypt(old.bytes)).data, "old");
    equal((await fresh.decrypt(mine.bytes)).data, "mine");
    equal(await (await bob()).trust.state("alice"), "unverified", "the chain goes on");
  });

  // A file, whose upload goes on.
  const file = new Blob([new Uint8Array(5 << 20).fill(7)]);
  const store = (session) => session.store(file, { shareWith: ["bob"], sign: true });
  counts.store = await everywhere("store", session, store, async () => store(await session()), async ({ id }) => {
    const { stream } = await (await bob()).retrieve(id);
    equal((await readAll(stream)).length, 5 << 20);
    same(Object.keys(stores.alice.records).filter((key) => key.startsWith("upload")), [], "nothing is left on the device");
  });

  const sign = async (session) => session.disconnect();
  counts.disconnect = await everywhere(
    "disconnect",
    session,
    sign,
    async (session) => {
      await session.disconnect();
      return session;
    },
    async () => {
      same(Object.keys(stores.alice.records), [], "nothing is left on the device");
      await unharmed(await connect("alice", vault(1)));
    },
  );

  for (const [flow, writes] of Object.entries(counts)) ok(writes > 0 && writes < 60, `${flow}: ${writes} writes`);
}
