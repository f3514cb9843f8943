// Calls that meet: files that look alike, many at once, a wait that is aborted as the answer comes, sessions that end
// twice, memory that is transferred while it is read.
import { Regrant, RegrantError } from "regrant";
import { Regrant as Elsewhere } from "regrant/inline";
import { createRelay, createStore } from "regrant/testing";


/** By messages: pages that nobody looks at have timers that come once a second. */
async function pause(ms) {
  const end = performance.now() + ms;
  const { port1, port2 } = new MessageChannel();
  do await new Promise((done) => ((port1.onmessage = done), port2.postMessage(undefined)));
  while (performance.now() < end);
  port1.close();
}
const KiB = 1 << 10;
const filled = (byte, length) => new Uint8Array(length).fill(byte);
const scan = (byte, length = 600 * KiB) => new File([filled(byte, length)], "scan.bin", { type: "image/x" });
const content = async (session, id) => new Uint8Array(await new Response((await session.retrieve(id)).stream).arrayBuffer());

/** How many bytes came out, or the code of the error that ended it. */
async function drained(stream) {
  let length = 0;
  try {
    for (const reader = stream.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return length;
      length += value.length;
    }
  } catch ({ code }) {
    return code;
  }
}

/** The relay, whose answers take their time. */
const slow = (relay, ms) => ({
  ...Object.fromEntries(
    ["call", "putParts", "getParts"].map((name) => [
      name,
      async (...args) => {
        await pause(ms);
        return relay[name](...args);
      },
    ]),
  ),
  subscribe: (...args) => relay.subscribe(...args),
});

export const scenarios = {
  "files that look alike are stored at once and each comes back": async ({ equal, ok, vault }) => {
    const relay = slow(createRelay(), 4);
    const alice = await (await Regrant.open({ application: "regrant", relay, store: "memory" })).connect({ login: "alice", ...vault(1) });
    let byte = 0;
    for (const delay of [0, 0, 1, 3, 6, 10, 15, 25, 40]) {
      const [one, two] = [++byte, ++byte];
      const first = alice.store(scan(one));
      await pause(delay);
      const [a, b] = await Promise.all([first, alice.store(scan(two))]);
      ok(a.id !== b.id, `after ${delay} ms`);
      for (const [id, byte] of [[a.id, one], [b.id, two]]) {
        const back = await content(alice, id);
        ok(back.length === 600 * KiB && back.every((each) => each === byte), `after ${delay} ms`);
      }
    }
    equal(byte, 18);
  },

  "two copies of the package that go on with one upload never seal two contents under one key": async ({ ok, vault }) => {
    const relay = createRelay();
    const shared = createStore();
    // Whoever asks what is known of a segment waits until the other asks, too.
    let asked = [];
    let meet = false;
    const store = {
      async get(key) {
        const text = await shared.get(key);
        if (!meet || !key.startsWith("upload/") || text) return text;
        await new Promise((go) => {
          asked.push(go);
          if (asked.length === 2) asked.splice(0).forEach((each) => each());
          else setTimeout(() => asked.splice(0).forEach((each) => each()), 300);
        });
        return text;
      },
      write: (changes, expected) => shared.write(changes, expected),
    };
    const sent = [];
    const watched = {
      ...slow(relay, 0),
      putParts(token, item, parts) {
        sent.push(...parts.map(([name, bytes]) => [item, name, bytes.slice()]));
        return relay.putParts(token, item, parts);
      },
    };
    const here = await (await Regrant.open({ application: "regrant", relay: watched, store })).connect({ login: "alice", ...vault(1) });
    const there = await (await Elsewhere.open({ application: "regrant", relay: watched, store })).connect({ login: "alice", ...vault(1) });
    // Begun by one that died before it sent anything.
    const stop = new AbortController();
    await here.store(scan(0), { signal: stop.signal, onProgress: () => stop.abort() }).catch(() => {});
    meet = true;
    const outcomes = await Promise.allSettled([here.store(scan(1)), there.store(scan(2))]);
    ok(outcomes.some(({ status }) => status === "fulfilled"), outcomes.map(({ reason }) => String(reason)).join());
    for (const [at, { status, value }] of outcomes.entries()) {
      if (status === "fulfilled") ok((await content(here, value.id)).every((byte) => byte === at + 1), `what ${at} stored is another's`);
    }
    const seen = new Map();
    for (const [item, name, bytes] of sent) {
      const key = `${item}/${name}`;
      const before = seen.get(key);
      ok(!before || (before.length === bytes.length && before.every((byte, at) => byte === bytes[at])), `${name} was sealed twice under one key`);
      seen.set(key, bytes);
    }
  },

  "eighty files at once are all stored": async ({ equal, vault }) => {
    const alice = await (await Regrant.open({ application: "regrant", relay: createRelay(), store: "memory" })).connect({ login: "alice", ...vault(1) });
    const all = await Promise.all(Array.from({ length: 80 }, (_, n) => alice.store(new Blob([filled(n, 10)]))));
    equal(new Set(all.map(({ id }) => id)).size, 80);
    for (const n of [0, 40, 79]) equal((await content(alice, all[n].id))[9], n);
    // One that waits for its turn hears its signal.
    const stop = new AbortController();
    const waiting = Array.from({ length: 40 }, (_, n) => alice.store(new Blob([filled(n, 10)]), { signal: stop.signal }));
    stop.abort("enough");
    for (const { reason, status } of await Promise.allSettled(waiting)) equal(status === "fulfilled" || reason === "enough", true);
    equal((await content(alice, (await alice.store(new Blob([filled(7, 10)]))).id))[0], 7);
  },

  "what was finished before is not taken for another file of its size": async ({ equal, vault }) => {
    const shared = createStore();
    let dies = false;
    const store = {
      get: (key) => shared.get(key),
      async write(changes, expected) {
        // The page dies between the relay's word and its own note.
        if (dies && changes.some(([key, text]) => key === "uploads/alice" && text === null)) throw new Error("gone");
        return shared.write(changes, expected);
      },
    };
    const alice = await (await Regrant.open({ application: "regrant", relay: createRelay(), store })).connect({ login: "alice", ...vault(1) });
    const file = (text) => new Blob([text], { type: "text/plain" });
    const text = async (id) => new TextDecoder().decode(await content(alice, id));
    dies = true;
    equal(await alice.store(file("0123456789")).catch(({ code }) => code), "ERR_STORE_UNREADABLE");
    dies = false;
    const other = await alice.store(file("9876543210"));
    equal(await text(other.id), "9876543210");
    dies = true;
    await alice.store(file("the same")).catch(() => {});
    dies = false;
    equal(await text((await alice.store(file("the same"))).id), "the same");
  },

  "a page that is left while somebody connects signs nobody out": async ({ equal, ok, vault }) => {
    const relay = createRelay();
    const shared = createStore();
    const who = { login: "alice", ...vault(1) };
    await (await Regrant.open({ application: "regrant", relay, store: shared })).connect(who);
    for (const ms of [0, 3, 6, 10, 15, 25, 40]) {
      const store = {
        get: (key) => shared.get(key),
        async write(...args) {
          await pause(5);
          const done = await shared.write(...args);
          await pause(5);
          return done;
        },
      };
      const regrant = await Regrant.open({ application: "regrant", relay, store });
      const connecting = regrant.connect(who).catch(({ code }) => code);
      await pause(ms);
      await regrant.close();
      const outcome = await connecting;
      ok(typeof outcome !== "string" || outcome === "ERR_NOT_CONNECTED", String(outcome));
      equal((await (await Regrant.open({ application: "regrant", relay, store: shared })).resume("alice"))?.login, "alice", `after ${ms} ms`);
    }
  },

  "an upload that is given up loses nothing to one that finishes": async ({ code, equal, ok, vault }) => {
    const relay = createRelay();
    const alice = await (await Regrant.open({ application: "regrant", relay, store: "memory" })).connect({ login: "alice", ...vault(1) });
    // An error of the caller's own, whatever its code, gives nothing up.
    const file = scan(1, 3 << 20);
    const stop = new AbortController();
    await alice.store(file, { signal: stop.signal, onProgress: (done) => done > 0 && stop.abort() }).catch(() => {});
    const parts = () => [...relay.snapshot().parts.keys()].length;
    const before = parts();
    ok(before > 0);
    const conflict = Object.assign(new Error("mine"), { code: "ERR_CONFLICT" });
    equal(await alice.store(file, { onProgress: () => { throw conflict; } }).catch((error) => error), conflict);
    equal(await alice.store(file, { onProgress: () => { throw null; } }).catch((error) => error), null);
    ok(parts() >= before, "what was sent is given up");
    const { id } = await alice.store(file);
    equal((await content(alice, id)).length, 3 << 20);
    await code(alice.retrieve(crypto.randomUUID()), "ERR_NO_ACCESS");
  },

  "an answer that comes as its wait is aborted is there for the next": async ({ code, equal, vault }) => {
    const relay = createRelay();
    let hold;
    const held = slow(relay, 0);
    const open = async (login, relay) => (await Regrant.open({ application: "regrant", relay, store: "memory" })).connect({ login, ...vault(login) });
    const shop = await open("shop", { ...held, call: async (token, operations) => {
      const answers = await relay.call(token, operations);
      await hold;
      return answers;
    } });
    const alice = await open("alice", relay);
    const request = await shop.identities.requestAccess({ login: "alice" });
    const [asked] = (await alice.identities.listAccess("alice")).items;
    await alice.identities.resolveAccess(asked, { answer: Uint8Array.of(7) });
    let go;
    hold = new Promise((done) => (go = done));
    const stop = new AbortController();
    const first = request.wait({ signal: stop.signal }).catch((reason) => reason);
    await pause(50);
    stop.abort("not now");
    equal(await first, "not now");
    hold = undefined;
    go();
    equal((await request.wait()).answer[0], 7);
    await code(request.wait(), "ERR_NOT_FOUND");
  },

  "a session that ended does not end the one that came after it": async ({ equal, vault }) => {
    const regrant = await Regrant.open({ application: "regrant", relay: createRelay(), store: "memory" });
    const who = { login: "alice", ...vault(1) };
    const first = await regrant.connect(who);
    await first.disconnect();
    const second = await regrant.connect(who);
    await first.disconnect();
    equal((await second.decrypt((await second.encrypt("x")).bytes)).data, "x");
  },

  "sessions that the relay forgot begin anew, whatever is asked at once": async ({ equal, ok, vault }) => {
    const relay = createRelay();
    const regrant = await Regrant.open({ application: "regrant", relay, store: "memory" });
    const alice = await regrant.connect({ login: "alice", ...vault(1) });
    const bob = await regrant.connect({ login: "bob", ...vault(2) });
    await alice.identities.create({ login: "ward", kind: "group" }, { sharingGroup: ["alice", "bob"] });
    const wards = await Promise.all([alice, bob].map((session) => session.identities.as("ward")));
    const items = await alice.encryptMany(Array.from({ length: 8 }, (_, n) => ({ data: `item ${n}` })), { shareWith: ["ward"] });
    for (let round = 0; round < 6; round++) {
      const sessions = relay.keys.filter((key) => key.startsWith("session/"));
      ok(sessions.length > 0);
      for (const key of sessions) relay.write(key, undefined);
      const works = [alice, bob, ...wards].flatMap((session, n) => [
        session.encrypt(`of ${round}`, { shareWith: ["bob", "ward"] }),
        session.whoCanRead(items[n].id),
        session.giveAccess([items[n + 4].id], "bob"),
        session.refresh(),
        session.decrypt(items[(n + round) % 8].bytes),
        session === bob ? session.refresh() : session.revoke([items[n].id], "bob"),
        session.identities.getSharingGroup("ward"),
      ]);
      const failed = (await Promise.allSettled(works)).flatMap(({ reason }, at) => (reason ? [`${at % 7} of ${Math.floor(at / 7)}: ${reason}`] : []));
      equal(failed.join("; "), "", `round ${round}`);
    }
  },

  "keys that are lost while somebody connects do not rest": async ({ equal, same, vault }) => {
    const who = { login: "alice", ...vault(1) };
    const relay = createRelay();
    await (await Regrant.open({ application: "regrant", relay, store: "memory" })).connect(who);
    for (const ms of [0, 2, 5, 10, 20, 40, 80]) {
      const regrant = await Regrant.open({ application: "regrant", relay: slow(relay, 1), store: createStore() });
      const connecting = regrant.connect(who).catch(({ code }) => code);
      await pause(ms);
      await regrant.loseKeys("alice");
      const session = await connecting;
      // It was refused, or came later; never does it live on without a record.
      if (typeof session === "string") same([session, await regrant.resume("alice")], ["ERR_NOT_CONNECTED", null], `after ${ms} ms`);
      else {
        const lives = await session.encrypt("x").then(() => true, () => false);
        equal(lives, (await regrant.resume("alice")) !== null, `after ${ms} ms`);
      }
    }
  },

  "memory that is transferred while a stream takes it is told of": async ({ code, equal, same, vault }) => {
    const alice = await (await Regrant.open({ application: "regrant", relay: createRelay(), store: "memory" })).connect({ login: "alice", ...vault(1) });
    for (const turns of [0, 1, 2, 5]) {
      const { transform } = await alice.encryptStream();
      const out = drained(transform.readable);
      const writer = transform.writable.getWriter();
      const chunk = filled(1, 400 * KiB);
      const written = writer.write(chunk).then(() => "written", (error) => error.code);
      for (let n = 0; n < turns; n++) await undefined;
      structuredClone(chunk, { transfer: [chunk.buffer] });
      const outcome = await written;
      if (outcome === "written") {
        await writer.close();
        equal((await out) > 400 * KiB, true, `after ${turns} turns something is missing`);
      } else same([outcome, await out], ["ERR_BAD_INPUT", "ERR_BAD_INPUT"], `after ${turns} turns`);
    }
    const { transform } = await alice.encryptStream();
    const gone = filled(1, 10);
    structuredClone(gone, { transfer: [gone.buffer] });
    const out = drained(transform.readable);
    await code(transform.writable.getWriter().write(gone), "ERR_BAD_INPUT");
    equal(await out, "ERR_BAD_INPUT");
    equal((await alice.decrypt((await alice.encrypt("it goes on")).bytes)).data, "it goes on");
  },

  "what the caller throws poisons nothing, and what is far too long never reaches the module": async ({ code, equal, vault }) => {
    const alice = await (await Regrant.open({ application: "regrant", relay: createRelay(), store: "memory" })).connect({ login: "alice", ...vault(1) });
    for (const thrown of [new WebAssembly.RuntimeError("theirs"), new RangeError("Maximum call stack size exceeded"), undefined, 1]) {
      const data = Array.from({ length: 40 }, () => ({ data: "x" }));
      equal(await alice.encryptMany(data, { onProgress: () => { throw thrown; } }).then(() => "done", (error) => error), thrown);
      const stop = new AbortController();
      const work = alice.encryptMany(data, { signal: stop.signal, onProgress: () => stop.abort(thrown) }).then(() => "done", (error) => error);
      if (thrown !== undefined) equal(await work, thrown);
      else await work;
    }
    await code(alice.sign(new Uint8Array((16 << 20) + 1)), "ERR_BAD_INPUT");
    equal((await alice.decrypt((await alice.encrypt("sound")).bytes)).data, "sound");
  },

  "a relay's answers that throw when they are read are the relay's fault": async ({ code, equal, vault }) => {
    const relay = createRelay();
    const theirs = { get() { throw new Error("theirs"); } };
    const changes = [(answers) => answers.map((answer) => new Proxy(answer, theirs)), (answers) => new Proxy(answers, theirs), () => new Proxy({}, theirs)];
    let change;
    const mine = {
      ...slow(relay, 0),
      call: async (token, operations) => {
        const answers = await relay.call(token, operations);
        return change ? change(answers) : answers;
      },
    };
    const alice = await (await Regrant.open({ application: "regrant", relay: mine, store: "memory" })).connect({ login: "alice", ...vault(1) });
    for (change of changes) await code(alice.encrypt("x"), "ERR_RELAY_UNAVAILABLE");
    change = undefined;
    equal((await alice.encrypt("x")).version, 1);
  },

  "what a relay refuses with is told as it is, and what it throws otherwise is its own fault": async ({ code, equal, ok, same, vault }) => {
    const relay = createRelay();
    let fails = false;
    let thrown;
    const failing = (name) => async (...given) => {
      if (fails) throw thrown;
      return relay[name](...given);
    };
    // Whatever else such an object has.
    const more = { storage: createRelay().storage, directory: "nowhere", get: 1 };
    const mine = { ...more, ...slow(relay, 0), ...Object.fromEntries(["call", "putParts", "getParts"].map((name) => [name, failing(name)])) };
    const alice = await (await Regrant.open({ application: "regrant", relay: mine, store: "memory" })).connect({ login: "alice", ...vault(1) });
    const { id } = await alice.store(new Blob(["x"]));
    const cause = new Error("below");
    fails = true;
    const works = [() => alice.encrypt("x"), async () => content(alice, id), () => alice.store(new Blob(["y"]))];
    for (const refusal of ["ERR_NOT_FOUND", "ERR_QUOTA", "ERR_UNSUPPORTED_VERSION", "ERR_FORBIDDEN", "ERR_BAD_INPUT"]) {
      thrown = new RegrantError(refusal, "said so", { cause, logins: ["bob"] });
      for (const work of works) {
        const error = await code(work(), refusal);
        same([error.message, error.logins, error.retryable], ["said so", ["bob"], refusal === "ERR_QUOTA"]);
        equal(error.cause, cause);
      }
    }
    // Whoever throws it.
    thrown = Object.assign(new Error("said so"), { code: "ERR_NOT_FOUND" });
    for (const work of works) equal((await code(work(), "ERR_NOT_FOUND")).message, "said so");
    // What is a client's own, and what is nobody's.
    for (thrown of [new RegrantError("ERR_POISONED", "x"), new RegrantError("ERR_INIT_FAILED", "x"), Object.assign(new Error("x"), { code: "ENOENT" }), new Error("ERR_QUOTA"), "ERR_QUOTA", undefined, null, new Proxy({}, { get() { throw new Error("theirs"); } })]) {
      for (const work of works) ok((await code(work(), "ERR_RELAY_UNAVAILABLE")).retryable);
    }
    fails = false;
    equal((await alice.encrypt("x")).version, 1);
  },
};
