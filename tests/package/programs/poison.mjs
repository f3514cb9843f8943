// The module traps in the middle of something: every call says so, and `init` starts it anew over what is stored.
//
// A trap cannot be asked for. An import that throws one unwinds the module just as its own would, and the clock is one
// that every operation at a relay reads.
import { Regrant, init, splitSecret, version } from "regrant";
import { createRelay, createStore } from "regrant/testing";

/** Runs `work` while the clock traps, the first time that the module asks for it: others ask, too. */
async function trapping(work) {
  const now = Date.now;
  let left = 1;
  Date.now = () => {
    if (left > 0 && /wasm/.test(new Error().stack)) {
      left--;
      throw new WebAssembly.RuntimeError("a trap, on request");
    }
    return now.call(Date);
  };
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}

export const variants = ["programs", "inline"];

export default async function ({ code, equal, ok, readAll, rejects, same, vault }) {
  const uncaught = [];
  const note = (event) => uncaught.push(String(event.reason ?? event.error ?? event));
  globalThis.addEventListener?.("error", note);
  globalThis.addEventListener?.("unhandledrejection", note);
  globalThis.process?.on("uncaughtException", note);
  globalThis.process?.on("unhandledRejection", note);

  const [relay, store] = [createRelay(), createStore()];
  for (let round = 0; round < 3; round++) {
    const regrant = await Regrant.open({ application: "regrant", relay, store });
    const alice = await regrant.connect({ login: "alice", ...vault(1) });
    equal(alice.isNew, round === 0);
    const sealed = await alice.encrypt(`round ${round}`);

    // What is under way when it happens hears of it as well: nothing waits for ever.
    const other = await Regrant.open({ application: "regrant", name: `poison-${round}`, store: "memory" });
    relay.delay(1000);
    const waiting = [alice.refresh(), alice.encrypt("waiting"), alice.whoCanRead(sealed.id)];
    waiting.forEach((promise) => promise.catch(() => {}));
    relay.delay(0);
    const error = await trapping(() => code(other.connect({ login: "bob", ...vault(2) }), "ERR_POISONED"));
    ok(error.cause instanceof WebAssembly.RuntimeError && !error.retryable);
    for (const promise of waiting) await code(promise, "ERR_POISONED");

    // Nothing works until it is started anew, and what was made before stays out of use.
    await code(alice.decrypt(sealed.bytes), "ERR_POISONED");
    await code(regrant.connect({ login: "alice", ...vault(1) }), "ERR_POISONED");
    await code(Regrant.open({ application: "regrant", relay, store }), "ERR_POISONED");
    await code(version(), "ERR_POISONED");
    await code(splitSecret(new Uint8Array(3), { threshold: 2, shares: 3 }), "ERR_POISONED");
    // Whoever signs out must not be told that nothing is left.
    await code(alice.disconnect(), "ERR_POISONED");
    same([alice.login, alice.locked], ["alice", true]);
    await init();
    await code(alice.decrypt(sealed.bytes), "ERR_NOT_CONNECTED");
    await code(alice.disconnect(), "ERR_NOT_CONNECTED");
    await code(alice.refresh(), "ERR_NOT_CONNECTED");

    // From what is stored: this store keeps no keys, so the session is locked, and the secret opens it.
    const again = await (await Regrant.open({ application: "regrant", relay, store })).resume();
    same([again.login, again.locked], ["alice", true]);
    await again.unlock(vault(1));
    equal((await again.decrypt(sealed.bytes)).data, `round ${round}`);
    await again.encrypt("goes on");
  }

  // A stream under way ends in the same error.
  const regrant = await Regrant.open({ application: "regrant", relay, store });
  const alice = await regrant.connect({ login: "alice", ...vault(1) });
  const { transform } = await alice.encryptStream();
  const writer = transform.writable.getWriter();
  const reading = readAll(transform.readable);
  reading.catch(() => {});
  await writer.write(new Uint8Array(10));
  await trapping(() => code(writer.close(), "ERR_POISONED"));
  await rejects(reading);
  await init();

  // Also what the relay answers late.
  await new Promise((done) => setTimeout(done, 1200));
  same(uncaught, []);
  globalThis.process?.removeAllListeners("uncaughtException");
}
