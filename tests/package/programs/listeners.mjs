// Events: an error of one listener disturbs nobody, unsubscribing ends it, and nothing keeps a process alive.
import { Regrant } from "regrant";
import { world } from "../world.mjs";

export default async function ({ equal, ok, until, vault, place, turns }) {
  const regrant = await Regrant.open({ application: "regrant", store: "memory", name: "listeners" });
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
  let heardByGiver = 0;
  alice.on("granted", () => heardByGiver++);
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
  equal(heardByGiver, 0);
  let locked = 0;
  bob.on("locked", () => locked++);
  await bob.lock();
  await until(() => locked === 1);
  ok(bob.locked);
  if (place === "browser") removeEventListener("error", note);
  else process.off("uncaughtException", note);

  // Over a relay that cannot call, whoever refreshes is told, and only of what is new.
  const w = await world(["dave", "erin", "frank"]);
  const told = [];
  for (const event of ["changed", "granted", "notification"]) w.erin.session.on(event, () => told.push(event));
  const notices = [];
  w.erin.session.notifications.subscribe((notice) => notices.push(notice.properties.dataOwnerConcernedId));
  await w.dave.session.encrypt("z", { shareWith: ["erin"] });
  await w.erin.session.refresh();
  await until(() => told.includes("granted"));
  const anew = await Regrant.open({ application: "regrant", relay: w.dave.view, store: "memory" });
  const fresh = await anew.connect({ login: "dave", ...vault(3) }, { reset: true });
  await w.erin.session.refresh();
  await until(() => told.includes("notification"));
  await until(() => notices.includes("dave"));
  const back = [];
  fresh.on("granted", () => back.push("granted"));
  await fresh.refresh();
  await turns();
  back.length = 0;
  await w.erin.session.giveAccessBackTo("dave", fresh.publicKey.encryption, { unverified: true });
  await fresh.refresh();
  await until(() => back.length > 0, "who got access back does not hear of it");
  await w.erin.session.refresh();
  await turns();
  // Whoever met the newest keys only is not told that they are new, when they come to another device.
  await w.frank.session.encrypt("to the new keys", { shareWith: ["dave"] });
  const third = await Regrant.open({ application: "regrant", relay: w.dave.view, store: "memory" });
  await third.connect({ login: "dave", ...vault(3) });
  equal((await w.frank.session.notifications.pendingAfter(0)).length, 0);

  // A member hears of what a group is given whenever it refreshes, and so does a session that acts for the group.
  await w.erin.session.identities.create({ login: "ward", kind: "group" });
  const ward = await w.erin.session.identities.as("ward");
  const asWard = [];
  ward.on("granted", () => asWard.push("granted"));
  for (const round of ["first", "second"]) {
    await w.erin.session.refresh();
    await turns();
    told.length = asWard.length = 0;
    const given = await w.frank.session.encrypt(round, { shareWith: ["ward"] });
    await w.erin.session.refresh();
    await until(() => told.includes("granted") && asWard.includes("granted"), `nobody heard of the ${round}`);
    equal((await w.erin.session.decrypt(given.bytes)).data, round);
  }
  await w.erin.session.refresh();
  await turns();
  told.length = 0;
  await w.erin.session.refresh();
  await turns();
  equal(told.length, 0);
}
