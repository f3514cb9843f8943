// One of several tabs that write to one store at once: does what the test asks of it.
import { vault } from "./assert.mjs";

const variants = { programs: () => import("regrant"), inline: () => import("regrant/inline") };
const alice = { login: "alice", ...vault("alice") };
let regrant;
let session;
let chosen;
/** Lets the writer that pauses go on; undefined while none pauses. */
let goOn;

/** A session that knows what is stored, and can write. */
async function begin(of) {
  const resumed = await of.resume("alice");
  if (resumed?.locked) await resumed.unlock(vault("alice"));
  return resumed;
}

const tasks = {
  async open({ variant, store, name }) {
    const { Regrant, generateKeyPair } = await variants[variant]();
    chosen = { Regrant, generateKeyPair, open: () => Regrant.open({ application: "regrant", store, name }), name };
    regrant = await chosen.open();
  },

  /** Registers others, so that there is somebody to remember; one key pair does for all. */
  async register({ logins }) {
    const elsewhere = await chosen.Regrant.open({ application: "regrant", store: "memory", name: chosen.name });
    const keyPair = await chosen.generateKeyPair({ modulusLength: 2048 });
    for (const login of logins) await elsewhere.connect({ login, keyPair });
  },

  async connect() {
    session = await regrant.connect(alice);
  },

  /** Whether a session that is resumed is locked; it goes on, unlocked. `null`: there is nothing to resume. */
  async resume() {
    session = await regrant.resume("alice");
    if (session === null) return null;
    const { locked } = session;
    if (locked) await session.unlock(vault("alice"));
    return locked;
  },

  /**
   * Remembers each, and compares the codes of some. `anew`: by a session that knows only what is stored, so that what
   * another tab overwrote stays lost. `pause`: waits after so many until `goOn` is asked for. Gives how many it came to,
   * and why no more.
   */
  async write({ logins, verify, anew = false, of = regrant, pause }) {
    let count = 0;
    try {
      for (const login of logins) {
        const by = anew ? await begin(of) : session;
        await by.trust.state(login);
        if (verify.includes(login)) await by.trust.verify(login, await by.trust.verificationCode(login));
        if (++count === pause) await new Promise((done) => void (goOn = done));
      }
      return { written: count };
    } catch (error) {
      return { written: count, code: error.code ?? String(error) };
    }
  },

  pauses: () => goOn !== undefined,
  goOn() {
    goOn();
    goOn = undefined;
  },

  /** The same by two `Regrant`s of this page. */
  async writeTwice({ halves }) {
    const other = await chosen.open();
    return Promise.all(halves.map((half, at) => tasks.write({ ...half, anew: true, of: at === 0 ? regrant : other })));
  },

  async states({ logins }) {
    const states = {};
    for (const login of logins) states[login] = await session.trust.state(login);
    return states;
  },

  lock: () => session.lock(),
  disconnect: () => session.disconnect(),

  /** The keys of what is in the store. */
  async stored() {
    const item = localStorage.getItem(`regrant/${chosen.name}/store`);
    if (item) return Object.keys(JSON.parse(item).records);
    const request = indexedDB.open(`regrant/${chosen.name}/store`);
    return new Promise((done, failed) => {
      request.onerror = () => failed(request.error);
      request.onupgradeneeded = () => request.result.createObjectStore("records");
      request.onsuccess = () => {
        const all = request.result.transaction("records").objectStore("records").getAllKeys();
        all.onsuccess = () => done(all.result);
        request.result.close();
      };
    });
  },
};

globalThis.writer = (task, given = {}) => tasks[task](given);
