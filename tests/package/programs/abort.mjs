// An abort rejects with the signal's reason; aborted before it began, nothing has changed.
import { deriveSecrets, Regrant } from "regrant";

export const variants = ["programs", "http"];

export default async function ({ code, equal, ok, rejects, same, vault }) {
  const regrant = await Regrant.open({ application: "regrant", store: "memory", name: "abort" });
  const gone = AbortSignal.abort("enough");
  const thrown = async (promise) => promise.then(() => "resolved", (reason) => reason);
  equal(await thrown(regrant.connect({ login: "alice", ...vault(1) }, { signal: gone })), "enough");
  equal(await thrown(regrant.connect({ login: "alice", password: "x" }, { signal: gone })), "enough");
  equal(await thrown(deriveSecrets("x", { application: "x", login: "x", signal: gone })), "enough");
  await code(regrant.connect({ login: "alice", ...vault(1) }, { register: false }), "ERR_IDENTITY_NOT_FOUND");

  const alice = await regrant.connect({ login: "alice", ...vault(1) }, { signal: new AbortController().signal });
  await regrant.connect({ login: "bob", ...vault(2) });
  const items = Array.from({ length: 50 }, (_, i) => ({ data: `item ${i}` }));
  equal(await thrown(alice.encryptMany(items, { signal: gone })), "enough");
  equal(await thrown(alice.giveAccess("all", "bob", { signal: gone })), "enough");
  equal(await thrown(alice.giveAccessBackTo("bob", "00", { signal: gone })), "enough");

  // In the middle: what rejects has written nothing.
  const controller = new AbortController();
  const begun = alice.encryptMany(items, { signal: controller.signal, onProgress: (done) => done === 10 && controller.abort() });
  equal((await rejects(begun)).name, "AbortError");
  same(await alice.giveAccess("all", "bob"), { items: 0 });
  const own = new Error("of the listener");
  equal(await thrown(alice.encryptMany(items, { onProgress: () => { throw own; } })), own);
  equal((await alice.encryptMany(items, { signal: new AbortController().signal })).length, 50);
  same(await alice.giveAccess("all", "bob"), { items: 50 });

  // A derivation that is under way.
  const late = new AbortController();
  setTimeout(() => late.abort(new Error("late")), 20);
  const outcome = await thrown(regrant.connect({ login: "carol", password: "x" }, { signal: late.signal }));
  ok(outcome.message === "late", String(outcome));
}
