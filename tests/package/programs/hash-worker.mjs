// The worker that hashes large items dies, says nothing any more, or takes nothing: what was under way fails, says that
// trying again helps, and trying again helps.
import { Regrant } from "regrant";

export const where = ["browser"];
// Many large items: half a minute where they are slow.
export const engines = ["chromium"];

export default async function ({ code, equal, ok, vault }) {
  const [RealWorker, realTimeout] = [globalThis.Worker, globalThis.setTimeout];
  const workers = [];
  globalThis.Worker = class extends RealWorker {
    constructor(...given) {
      super(...given);
      workers.push(this);
    }
  };
  try {
    const regrant = await Regrant.open({ application: "regrant", store: "memory", name: "hash-worker" });
    const alice = await regrant.connect({ login: "alice", ...vault(1) });
    const data = new Uint8Array(8 << 20).fill(7);
    const seal = () => alice.encrypt(data);
    /** A worker that is ready, and has its next messages handled so. */
    const handled = async (handle) => {
      let asked = 0;
      for (let tries = 0; asked === 0; tries++) {
        ok(tries < 100, "no worker hashes");
        const worker = workers.at(-1);
        if (worker) worker.postMessage = (...given) => (asked++, RealWorker.prototype.postMessage.apply(worker, given));
        await seal();
      }
      workers.at(-1).postMessage = handle;
    };

    await handled(() => {
      workers.at(-1).terminate();
      workers.at(-1).dispatchEvent(new Event("error"));
    });
    await code(seal(), "ERR_CONFLICT");
    await seal();

    await handled(() => {
      throw new Error("no memory");
    });
    await code(seal(), "ERR_CONFLICT");
    delete workers.at(-1).postMessage;
    await seal();

    const before = workers.length;
    await handled(() => {});
    // Half a minute passes at once.
    globalThis.setTimeout = (work, ms, ...rest) => realTimeout(work, ms === 30_000 || ms === 3_000 ? 1 : ms, ...rest);
    await code(seal(), "ERR_CONFLICT");
    globalThis.setTimeout = realTimeout;
    await handled(() => {});
    equal(workers.length, before + 1);
  } finally {
    globalThis.setTimeout = realTimeout;
    globalThis.Worker = RealWorker;
  }
}
