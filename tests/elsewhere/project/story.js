// What every page and every worker here does: two people connect by passwords, one shares with the other, and both are
// still there when the device starts again.
import { Regrant } from "regrant";

/** How many passwords workers derived. */
let derived = 0;
if (globalThis.Worker) {
  globalThis.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        if (data.secrets) derived++;
      });
    }
  };
}

/** Gives what came of it: `{ read, again, locked, derived, workers }`. */
export async function story(name) {
  const options = { application: "elsewhere", name, kdf: { name: "argon2id", memoryKiB: 65536, iterations: 3 } };
  const regrant = await Regrant.open(options);
  const alice = await regrant.connect({ login: "alice", password: "correct horse battery staple" });
  const password = "a doctor's long password";
  const bob = await regrant.connect({ login: "bob", password });
  const { bytes } = await alice.encrypt({ diagnosis: "healthy" }, { shareWith: ["bob"] });
  const { data } = await bob.decrypt(bytes);
  // A server keeps nothing: there is nobody to resume.
  const resumed = await (await Regrant.open(options)).resume("bob");
  const locked = resumed?.locked;
  if (locked) await resumed.unlock({ password });
  const again = resumed && (await resumed.decrypt(bytes)).data.diagnosis;
  return { read: data.diagnosis, again, locked, derived, workers: typeof Worker === "function" };
}

/** The same, or how it failed, as something that can be posted. */
export const told = (name) => story(name).catch((error) => ({ error: `${error} ${error?.stack}` }));
