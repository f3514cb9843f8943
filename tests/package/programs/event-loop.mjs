// Long work lets others go on: timers fire, an abort is heard in the middle, and a server answers while people log in.
import { Regrant, deriveSecrets } from "regrant";
import { createRelay } from "regrant/testing";

export const variants = ["programs"];

const KDF = { name: "argon2id", memoryKiB: 19_456, iterations: 2 };

async function begin(vault, relay = createRelay()) {
  const regrant = await Regrant.open({ application: "regrant", relay, store: "memory", kdf: KDF });
  return { relay, regrant, alice: await regrant.connect({ login: "alice", ...vault(1) }) };
}

/** How often others have a turn while something is done. Counted and not timed, and one turn after the other. */
async function turnsDuring(place, work) {
  let turns = 0;
  let stop;
  if (place === "node") {
    const timer = setInterval(() => turns++, 5);
    stop = () => clearInterval(timer);
  } else {
    // Timers of a page that nobody looks at are slowed down.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (turns++, port2.postMessage(0));
    port2.postMessage(0);
    stop = () => port1.close();
  }
  try {
    await work();
  } finally {
    stop();
  }
  return turns;
}

const items = (count) => Array.from({ length: count }, (_, at) => ({ data: { at } }));

export const scenarios = {
  "an abort by a timer is heard in the middle of encrypting many": async ({ equal, ok, rejects, vault }) => {
    const { alice, relay } = await begin(vault);
    const before = relay.keys.length;
    const reason = new Error("the person left");
    const abort = new AbortController();
    setTimeout(() => abort.abort(reason), 20);
    let done = 0;
    const error = await rejects(alice.encryptMany(items(20_000), { signal: abort.signal, onProgress: (count) => (done = count) }));
    equal(error, reason);
    ok(done < 20_000, "everything was encrypted before it was heard");
    equal(relay.keys.length, before, "nothing is written");
    equal((await rejects(alice.encryptMany(items(20_000), { signal: AbortSignal.timeout(20) }))).name, "TimeoutError");
  },

  "others have their turns while many are encrypted and decrypted": async ({ equal, ok, place, vault }) => {
    const { alice } = await begin(vault);
    let sealed;
    const sealing = await turnsDuring(place, async () => (sealed = await alice.encryptMany(items(3000))));
    ok(sealing >= 5, `${sealing} turns while 3,000 are encrypted`);
    let opened;
    const opening = await turnsDuring(place, async () => (opened = await alice.decryptMany(sealed.map(({ bytes }) => bytes))));
    ok(opening >= 15, `${opening} turns while 3,000 are decrypted`);
    equal(opened.every(({ data }, at) => data.at === at), true, "in order");
    // Also where the application calls again and again.
    const each = await turnsDuring(place, async () => {
      for (const { bytes } of sealed.slice(0, 1000)) await alice.decrypt(bytes);
    });
    ok(each >= 5, `${each} turns while 1,000 are decrypted one by one`);
  },

  "several who open many at once come along side by side": async ({ ok, place, vault }) => {
    const { alice } = await begin(vault);
    const sealed = (await alice.encryptMany(items(500))).map(({ bytes }) => bytes);
    const ends = [];
    const turns = await turnsDuring(place, () =>
      Promise.all([1, 2, 3, 4].map(async (who) => (await alice.decryptMany(sealed), ends.push(who)))),
    );
    ok(turns >= 10, `${turns} turns while four open 500 each`);
    ok(ends.length === 4);
  },

  "what the caller changes after the call is not in what was encrypted": async ({ same, vault }) => {
    const { alice } = await begin(vault);
    const given = Array.from({ length: 200 }, (_, at) => ({ data: at % 2 ? { at } : new Uint8Array([at]), metadata: { at } }));
    const sealing = alice.encryptMany(given);
    for (const each of given) {
      if (each.data instanceof Uint8Array) each.data.fill(255);
      else each.data.at = "changed";
      each.metadata.at = "changed";
    }
    const opened = await alice.decryptMany((await sealing).map(({ bytes }) => bytes));
    same(opened.map(({ data, metadata }) => [data.at === undefined || data instanceof Uint8Array ? data[0] : data.at, metadata.at]), given.map((_, at) => [at, at]));
  },

  "people log in at once, and others have their turns": async ({ code, ok, place, vault }) => {
    if (place !== "node") return;
    const { regrant: here } = await begin(vault);
    const wrong = Array.from({ length: 8 }, (_, at) => at);
    const turns = await turnsDuring(place, () =>
      Promise.all(wrong.map((at) => code(here.connect({ login: "alice", password: `wrong ${at}` }), "ERR_WRONG_SECRET"))),
    );
    ok(turns >= 8, `${turns} turns while eight passwords are derived`);
  },

  "a thread that derives ends with it, with an abort, and with its death; where there are none it is derived here": async ({ code, equal, ok, place, rejects, same, until }) => {
    if (place !== "node") return;
    const [{ default: threads }, { syncBuiltinESMExports }] = await Promise.all([import("node:worker_threads"), import("node:module")]);
    const { Worker } = threads;
    const started = [];
    let [alive, most, answers] = [0, 0, 0];
    const replace = (by) => ((threads.Worker = by), syncBuiltinESMExports());
    replace(class extends Worker {
      constructor(...given) {
        super(...given);
        started.push(this);
        most = Math.max(most, ++alive);
        this.once("exit", () => alive--);
        this.on("message", ({ secrets }) => secrets && answers++);
      }
    });
    const derive = (o) => deriveSecrets("correct horse", { application: "app", login: "alice", kdf: KDF, ...o });
    try {
      const secrets = await derive();
      equal(started.length, 1);
      await until(() => alive === 0, "it goes on");
      // As many at once as there are processors, and no more.
      const { availableParallelism } = await import("node:os");
      for (const each of await Promise.all(Array.from({ length: 8 }, () => derive()))) same(each, secrets);
      equal(started.length, 9);
      ok(most <= availableParallelism(), `${most} at once`);
      await until(() => alive === 0, "they go on");

      const reason = new Error("the person left");
      const abort = new AbortController();
      const slow = { ...KDF, memoryKiB: 131_072, iterations: 10 };
      const waiting = Promise.all(Array.from({ length: 8 }, () => rejects(derive({ kdf: slow, signal: abort.signal }))));
      await until(() => alive > 0);
      abort.abort(reason);
      ok((await waiting).every((error) => error === reason));
      await until(() => alive === 0, "what was aborted goes on");
      equal(answers, 9, "what was aborted is derived to its end");
      ok(started.length < 17, "what waited never began");

      const before = started.length;
      const dying = derive({ kdf: slow });
      await until(() => started.length > before);
      const last = started.at(-1);
      last.once("message", () => last.terminate());
      equal((await code(dying, "ERR_POISONED")).retryable, true);
      same(await derive(), secrets);
      equal(started.length, before + 2, "the next one has a thread again");

      replace(class {
        constructor() {
          throw Object.assign(new Error("threads are forbidden"), { code: "ERR_ACCESS_DENIED" });
        }
      });
      same(await derive(), secrets);
    } finally {
      replace(Worker);
    }
  },
};
