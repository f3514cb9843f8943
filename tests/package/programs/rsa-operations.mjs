// The cost of sharing follows the number of people, never the number of items.
import { Regrant } from "regrant";

// What it counts is the same in each engine.
export const engines = ["chromium"];

export default async function ({ equal, ok, vault }) {
  let rsa = 0;
  const { subtle } = crypto;
  const isRsa = (...args) => args.some((arg) => /RSA/.test(arg?.name ?? arg?.algorithm?.name ?? (typeof arg === "string" ? arg : "")));
  for (const name of ["encrypt", "decrypt", "wrapKey", "unwrapKey"]) {
    const original = subtle[name];
    Object.defineProperty(subtle, name, {
      configurable: true,
      value(...args) {
        if (isRsa(...args)) rsa++;
        return original.apply(subtle, args);
      },
    });
  }
  const count = async (work) => {
    const before = rsa;
    const value = await work();
    return [rsa - before, value];
  };
  const regrant = await Regrant.open({ application: "regrant", name: "rsa" });
  const other = await Regrant.open({ application: "regrant", name: "rsa", store: "memory" });
  let alice = await regrant.connect({ login: "alice", ...vault(1) });
  const bob = await other.connect({ login: "bob", ...vault(2) });
  const many = 10_000;
  const items = Array.from({ length: many }, (_, i) => ({ data: `item ${i}` }));
  const [sealing, sealed] = await count(() => alice.encryptMany(items));
  ok(sealing <= 2, `sealing took ${sealing}`);
  const [giving, given] = await count(() => alice.giveAccess("all", "bob"));
  equal(given.items, many);
  ok(giving >= 1 && giving <= 3, `giving access took ${giving}`);
  equal((await count(() => alice.giveAccess("all", "bob")))[0], 0, "giving access again");
  const [opening, opened] = await count(() => bob.decryptMany(sealed.slice(0, 300).map((item) => item.bytes)));
  equal(opened[299].data, "item 299");
  ok(opening <= 2, `opening took ${opening}`);
  await regrant.loseKeys("alice");
  alice = await regrant.connect({ login: "alice", ...vault(3) }, { reset: true });
  const code = await alice.trust.verificationCode("alice");
  const [back] = await count(() => bob.giveAccessBackTo("alice", alice.publicKey.encryption, { verificationCode: code }));
  ok(back >= 1 && back <= 6, `giving access back took ${back}`);
  equal((await alice.decrypt(sealed[many - 1].bytes)).data, `item ${many - 1}`);
}
