// Aborts at every moment at which something outside is asked, or WebCrypto is at work: the reason comes back, and everything
// is as before or done.
import { Regrant, generateKeyPair } from "regrant";
import { createRelay, createStore } from "regrant/testing";

/** Takes minutes in each: in others when they are asked for. */
export const engines = ["chromium"];

/** A relay or a store that calls `tick` each time that it is asked. */
const ticking = (inner, methods, tick) =>
  Object.fromEntries(methods.map((name) => [name, async (...given) => (tick(), inner[name](...given))]));

/** Calls `tick` while each operation of WebCrypto is under way. */
function tickingCrypto(tick) {
  const subtle = Object.getPrototypeOf(globalThis.crypto.subtle);
  for (const name of ["encrypt", "decrypt", "sign", "verify", "digest", "generateKey", "deriveBits", "importKey", "exportKey"]) {
    const original = subtle[name];
    subtle[name] = function (...given) {
      const under = original.apply(this, given);
      tick();
      return under;
    };
  }
}

export default async function ({ code, equal, ok, readAll, same, vault }) {
  let tick = () => {};
  let ticks = () => {};
  tickingCrypto(() => ticks());
  const store = createStore();
  const { storage } = createRelay();
  const asked = { storage: ticking(storage, ["read", "commit", "putParts", "getParts", "countParts", "dropParts"], () => tick()) };
  const kept = ticking(store, ["get", "write"], () => tick());
  const open = () => Regrant.open({ application: "regrant", relay: asked, store: kept });
  const first = await open();
  const bob = await (await Regrant.open({ application: "regrant", relay: asked, store: "memory" })).connect({ login: "bob", ...vault(2) });
  const alice = await first.connect({ login: "alice", ...vault(1) });
  const old = await alice.encryptMany([{ data: "one" }, { data: "two" }]);

  /** Waits until what was aborted is over: the core ends what it began, and nobody hears of it. */
  async function quiet() {
    let asks = 0;
    tick = () => asks++;
    for (let before = -1; before !== asks; await new Promise((done) => setTimeout(done, 10))) before = asks;
    tick = () => {};
  }

  const places = { asking: (f) => void (tick = f), crypto: (f) => void (ticks = f) };
  const everywhere = async (name, work, check) => {
    for (const place of Object.keys(places)) await everywhereIn(place, `${name} (${place})`, work, check);
  };

  /** Aborts `work` at the n-th asking, or the n-th operation of WebCrypto, for every n, until it gets through. */
  async function everywhereIn(place, name, work, check) {
    for (let n = 1; ; n++) {
      const abort = new AbortController();
      const reason = new Error(`${name} ${n}`);
      let left = n;
      places[place](() => --left === 0 && abort.abort(reason));
      let outcome;
      try {
        outcome = { value: await work(abort.signal) };
      } catch (error) {
        // What was done before the abort came through may be done.
        equal(error, reason, `${name} ${n}: ${error}`);
        outcome = { aborted: true };
      }
      const aborted = abort.signal.aborted;
      places[place](() => {});
      await quiet();
      await check(outcome, n);
      if (!aborted) {
        ok(outcome.value !== undefined && (n > 1 || place === "crypto"), `${name}: nothing to abort`);
        return n;
      }
      ok(n < 300, `${name} goes on without end`);
    }
  }

  // Each in a Regrant of its own, closed afterwards: sessions that stay open ask for what is new.
  let one;
  const connecting = async (login, secret, signal) => {
    one = await open();
    return one.connect({ login, ...secret }, { signal });
  };
  await everywhere("connect", (signal) => connecting("alice", vault(1), signal), async () => {
    await one.close();
    equal((await alice.decrypt(old[0].bytes)).data, "one");
  });

  let newcomers = 0;
  const keyPair = await generateKeyPair({ modulusLength: 2048 });
  await everywhere("register", (signal) => connecting(`carol ${++newcomers}`, { keyPair }, signal), async ({ value }) => {
    // As before, or done: the login is free, or this secret opens it.
    const again = await one.connect({ login: `carol ${newcomers}`, keyPair });
    if (value) equal(again.isNew, false);
    await again.encrypt("works");
    await one.close();
  });

  await everywhere(
    "encryptMany",
    (signal) => alice.encryptMany([{ data: "a" }, { data: "b" }], { shareWith: ["bob"], signal, onProgress() {} }),
    async ({ value }) => {
      for (const { bytes } of value ?? []) ok((await bob.decrypt(bytes)).data);
    },
  );

  await everywhere("giveAccess", (signal) => alice.giveAccess("all", "bob", { signal }), async ({ value }) => {
    const readers = await Promise.all(old.map(({ id }) => alice.whoCanRead(id)));
    if (value) ok(readers.every((all) => all.some((reader) => reader.login === "bob")));
  });

  // With the old keys on one device and the new ones on another.
  const laptop = await (await Regrant.open({ application: "regrant", relay: asked, store: "memory" })).connect({ login: "alice", ...vault(9) }, { reset: true });
  const verificationCode = await laptop.trust.verificationCode("alice");
  const back = (signal) => bob.giveAccessBackTo("alice", laptop.publicKey.encryption, { verificationCode, signal });
  await everywhere("giveAccessBackTo", back, async ({ value }) => {
    await laptop.refresh();
    if (value) equal((await laptop.decrypt(old[0].bytes)).data, "one");
  });

  const file = new Blob([new Uint8Array(9 << 20).fill(3)]);
  await everywhere("store", (signal) => laptop.store(file, { signal }), async ({ value }) => {
    if (value) equal((await readAll((await laptop.retrieve(value.id)).stream)).length, 9 << 20);
  });
  const { id } = await laptop.store(file);
  await everywhere(
    "retrieve",
    async (signal) => (await readAll((await laptop.retrieve(id, { signal })).stream)).length,
    async ({ value }) => ok(value === undefined || value === 9 << 20),
  );
  same((await laptop.decrypt(old[1].bytes)).data, "two");
  await code(laptop.decrypt(new Uint8Array(200)), "ERR_CORRUPT");
}
