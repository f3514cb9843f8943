// Events: an error of one listener disturbs nobody, unsubscribing ends it, and nothing keeps a process alive.
import { Regrant } from "regrant";

export default async function ({ equal, ok, until, vault, place }) {
  const regrant = await Regrant.open({ store: "memory", name: "listeners" });
  const alice = await regrant.connect({ login: "alice", ...vault(1) });
  const bob = await regrant.connect({ login: "bob", ...vault(2) });
  const uncaught = [];
  const note = (event) => {
    event.preventDefault?.();
    uncaught.push((event.error ?? event).message);
  };
  if (place === "browser") addEventListener("error", note);
  else process.on("uncaughtException", note);
  let heard = 0;
  const broken = bob.on("granted", () => { throw new Error("of a listener"); });
  const stop = bob.on("granted", () => heard++);
  await alice.encrypt("x", { shareWith: ["bob"] });
  await until(() => heard > 0);
  await until(() => uncaught.length > 0);
  equal(uncaught[0], "of a listener");
  broken();
  stop();
  stop();
  const before = heard;
  let changed = 0;
  bob.on("changed", () => changed++);
  await alice.encrypt("y", { shareWith: ["bob"] });
  await until(() => changed > 0);
  equal(heard, before);
  let locked = 0;
  bob.on("locked", () => locked++);
  await bob.lock();
  await until(() => locked === 1);
  ok(bob.locked);
  if (place === "browser") removeEventListener("error", note);
  else process.off("uncaughtException", note);
}
