// Deriving from a password does not freeze the page, wherever a worker can be had.
import { deriveSecrets } from "regrant";

export const variants = ["programs", "inline"];
export const where = ["browser"];

export default async function ({ ok, same, inline }) {
  let longest = 0;
  let last = performance.now();
  // By messages: timers of a page that nobody looks at are slowed down.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    port2.postMessage(0);
  };
  port2.postMessage(0);
  const workers = [];
  const { Worker } = globalThis;
  globalThis.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      workers.push(this);
    }
  };
  const from = { application: "app", login: "alice", kdf: { name: "argon2id", memoryKiB: 65536, iterations: 3 } };
  const begun = performance.now();
  const secrets = await deriveSecrets("correct horse", from);
  const took = performance.now() - begun;
  await new Promise((done) => setTimeout(done, 20));
  port1.close();
  same([secrets.vaultSecret.length, secrets.appSecret.length], [43, 43]);
  if (!inline) {
    ok(workers.length === 1, "no worker was used");
    ok(longest < took / 2, `the page froze for ${longest} of ${took} ms`);
  }
  // Where none can start, it is derived here, to the same.
  globalThis.Worker = class {
    constructor() {
      throw new Error("no workers");
    }
  };
  same(await deriveSecrets("correct horse", from), secrets);
  const pbkdf2 = { ...from, kdf: { name: "pbkdf2", iterations: 600_000 } };
  same(Object.keys(await deriveSecrets("correct horse", pbkdf2)).sort(), ["appSecret", "vaultSecret"]);
  globalThis.Worker = Worker;
}
