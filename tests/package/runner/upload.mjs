// A page that sends a file, is reloaded in the middle, and goes on. The same bytes are made again each time.
import { readAll, vault } from "./assert.mjs";

const MiB = 1 << 20;
const LENGTH = 21 * MiB + 5;
const bytes = () => Uint8Array.from({ length: LENGTH }, (_, i) => (i * 2654435761) >>> 23);
const film = () => new File([bytes()], "film");
const variants = { programs: () => import("regrant"), inline: () => import("regrant/inline") };

/** How far it went, for the test to see. */
globalThis.sent = 0;

/** The ids of the uploads that the relay knows to be under way. */
async function uploads() {
  const done = (request) => new Promise((resolve, reject) => ((request.onsuccess = () => resolve(request.result)), (request.onerror = () => reject(request.error))));
  const database = await done(indexedDB.open("regrant/reloaded/relay"));
  const records = await done(database.transaction("records").objectStore("records").getAll());
  database.close();
  const own = records.filter(({ key }) => key.startsWith("uploads/"));
  return own.flatMap(({ value }) => value.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? []);
}

async function connected(variant) {
  const { Regrant } = await variants[variant]();
  const regrant = await Regrant.open({ application: "regrant", name: "reloaded" });
  return regrant.connect({ login: "alice", ...vault(1) });
}

globalThis.upload = {
  /** Begins, and does not wait. After some of it, the file can be read no further until the page is another. */
  async begin(variant) {
    const alice = await connected(variant);
    const onProgress = (done) => {
      if (done >= 9 * MiB) Blob.prototype.arrayBuffer = () => new Promise(() => {});
      globalThis.sent = done;
    };
    void alice.store(film(), { onProgress });
  },
  uploads,
  /** The same file once more: what progress said, and whether all of it is there afterwards. */
  async goOn(variant) {
    const alice = await connected(variant);
    const told = [];
    const { id } = await alice.store(film(), { onProgress: (done) => void told.push(done) });
    const whole = await readAll((await alice.retrieve(id)).stream);
    const expected = bytes();
    return { id, told, same: whole.length === LENGTH && whole.every((byte, at) => byte === expected[at]), left: await uploads() };
  },
};
