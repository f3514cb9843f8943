// How often the relay is asked, and how much it says: per call, whatever there is besides. A request is one message, with
// as many operations as fit. What goes in the background is not awaited by the call, and not counted for it.
import { Regrant } from "regrant";
import { createRelay } from "regrant/testing";

/** The same everywhere. */
export const engines = ["chromium"];

/** What goes in the background waits, so that it is not taken for a part of a call. */
async function withoutBackground(work) {
  const real = globalThis.setTimeout;
  globalThis.setTimeout = (f, ms, ...more) => real(f, ms >= 100 ? 3_600_000 : ms, ...more);
  try {
    return await work();
  } finally {
    globalThis.setTimeout = real;
  }
}

/** A relay that counts what a client asks. */
function counting(relay) {
  const seen = { requests: 0, down: 0, asked: [] };
  const methods = ["putParts", "getParts", "subscribe"].map((name) => [name, (...given) => relay[name](...given)]);
  const call = async (token, operations) => {
    seen.requests++;
    seen.asked.push(operations.map(({ op }) => op).join("+"));
    const answers = await relay.call(token, operations);
    seen.down += JSON.stringify(answers).length;
    return answers;
  };
  return { relay: { ...Object.fromEntries(methods), call }, seen };
}

/** What each call costs among so many items. */
async function costs(items, { equal, place, vault }) {
  const inner = createRelay();
  const out = {};
  const open = async (login, o, stored = { store: "memory" }) => {
    const { relay, seen } = counting(inner);
    const regrant = await Regrant.open({ application: "regrant", relay, ...stored });
    const counted = async (name, work) => {
      Object.assign(seen, { requests: 0, down: 0, asked: [] });
      const result = await work();
      out[name] = { ...seen };
      return result;
    };
    return { regrant, counted, connect: () => regrant.connect({ login, ...vault(login) }, o) };
  };
  const first = await open("alice");
  const alice = await first.counted("connect, new", first.connect);
  const bobs = await open("bob");
  const bob = await bobs.connect();
  await (await open("carol")).connect();
  const one = await first.counted("encrypt for somebody new", () => alice.encrypt("one", { shareWith: ["bob"] }));
  await first.counted("encrypt for somebody met before", () => alice.encrypt("two", { shareWith: ["bob"] }));
  await bobs.counted("decrypt, not known here", () => bob.decrypt(one.bytes));
  await bobs.counted("decrypt again", () => bob.decrypt(one.bytes));

  const sealed = await alice.encryptMany(Array.from({ length: items }, (_, i) => ({ data: `item ${i}` })), { shareWith: ["bob"] });
  const at = (part) => sealed[Math.floor(items * part)];
  const phones = await open("bob");
  const phone = await phones.counted("connect, fresh device", phones.connect);
  equal((await phones.counted("decrypt, fresh device", () => phone.decrypt(at(0.5).bytes))).data, `item ${items / 2}`);
  await first.counted("whoCanRead", () => alice.whoCanRead(at(0.1).id));
  await first.counted("giveAccess, new", () => alice.giveAccess([at(0.1).id], "carol"));
  await first.counted("giveAccess, known", () => alice.giveAccess([at(0.2).id], "carol"));
  await first.counted("new version", () => alice.encrypt("next", { id: at(0.3).id }));
  await first.counted("revoke", () => alice.revoke([at(0.1).id], "bob"));
  await alice.refresh();
  await first.counted("refresh, no news", () => alice.refresh());

  const tablets = await open("bob");
  const tablet = await tablets.connect();
  const many = sealed.slice(0, 200).filter((item) => item !== at(0.1));
  await tablets.counted("200 at once", () => Promise.all(many.map(({ bytes }) => tablet.decrypt(bytes))));
  const laptops = await open("bob");
  const laptop = await laptops.connect();
  const all = sealed.slice(0, 2000).filter((item) => item !== at(0.1));
  await laptops.counted("decryptMany", () => laptop.decryptMany(all.map(({ bytes }) => bytes)));

  if (place === "browser") {
    // Where keys may rest: what was opened or written is known after a reload, too.
    const name = { name: `requests-${items}` };
    const before = await open("bob", undefined, name);
    const desk = await before.connect();
    const own = await desk.encrypt("own");
    await desk.decryptMany(sealed.slice(100, 200).map(({ bytes }) => bytes));
    await before.regrant.close();
    const after = await open("bob", undefined, name);
    const resumed = await after.counted("resume", () => after.regrant.resume("bob"));
    equal((await after.counted("decrypt, after a reload", () => resumed.decrypt(sealed[100].bytes))).data, "item 100");
    equal((await after.counted("decrypt of one's own, after a reload", () => resumed.decrypt(own.bytes))).data, "own");
    await after.counted("decryptMany, after a reload", () => resumed.decryptMany(sealed.slice(100, 200).map(({ bytes }) => bytes)));
    await after.regrant.close();
  }

  // Through a group of which one is a member.
  await alice.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["bob"] });
  const toWard = await alice.encryptMany(Array.from({ length: items }, (_, i) => ({ data: `ward ${i}` })), { shareWith: ["ward"] });
  const nurses = await open("bob");
  const nurse = await nurses.connect();
  equal((await nurses.counted("decrypt, through a group", () => nurse.decrypt(toWard[3].bytes))).data, "ward 3");
  equal((await nurses.counted("decrypt again, through a group", () => nurse.decrypt(toWard[3].bytes))).data, "ward 3");
  equal((await nurses.counted("decrypt another, through a group", () => nurse.decrypt(toWard[4].bytes))).data, "ward 4");

  // After a loss: Bob begins anew, and Alice gives him back what was between them.
  const lost = await open("bob");
  const anew = await lost.counted("asking for access back", () => lost.regrant.connect({ login: "bob", ...vault("anew") }, { reset: true }));
  const verificationCode = await anew.trust.verificationCode("bob");
  await alice.refresh();
  await first.counted("giving access back", () => alice.giveAccessBackTo("bob", anew.publicKey.encryption, { verificationCode }));
  await anew.refresh();
  equal((await anew.decrypt(at(0.6).bytes)).data, `item ${Math.floor(items * 0.6)}`);
  return out;
}

/** The most requests of each call. */
const MOST = {
  "connect, new": 3,
  "encrypt for somebody new": 2,
  "encrypt for somebody met before": 1,
  "decrypt, not known here": 2,
  "decrypt again": 0,
  "connect, fresh device": 3,
  "decrypt, fresh device": 2,
  "whoCanRead": 2,
  "giveAccess, new": 2,
  "giveAccess, known": 2,
  "new version": 2,
  "revoke": 2,
  "refresh, no news": 1,
  "200 at once": 4,
  "decryptMany": 12,
  "resume": 0,
  "decrypt, after a reload": 0,
  "decrypt of one's own, after a reload": 0,
  "decryptMany, after a reload": 0,
  "decrypt, through a group": 2,
  "decrypt again, through a group": 0,
  "decrypt another, through a group": 1,
  "asking for access back": 3,
  "giving access back": 3,
};

export default async function ({ equal, ok, place, vault }) {
  const few = await withoutBackground(() => costs(256, { equal, place, vault }));
  const many = await withoutBackground(() => costs(place === "node" ? 5000 : 2000, { equal, place, vault }));
  for (const [name, most] of Object.entries(MOST)) {
    if (few[name] === undefined && place === "node") continue;
    for (const cost of [few, many]) ok(cost[name].requests <= most, `${name}: ${cost[name].requests} requests: ${cost[name].asked}`);
    // Whatever there is besides: but for what opens many, or all of it.
    if (!["200 at once", "decryptMany"].includes(name)) ok(many[name].down <= 1.5 * few[name].down + 1024, `${name}: ${few[name].down} and ${many[name].down} bytes`);
  }
  // An item takes some 134 bytes of a grant; a grant that is needed comes whole.
  ok(many["200 at once"].down <= 2 * 134 * 256 + 4096, `200 at once: ${many["200 at once"].down} bytes`);
  ok(many["connect, fresh device"].down < 64 << 10 && many["decrypt, fresh device"].down < 48 << 10, "a fresh device");
}
