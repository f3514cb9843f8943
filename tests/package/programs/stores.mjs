// Every store: what goes in comes back, nobody else's is touched, and signing out leaves nothing.
import { Regrant, support } from "regrant";
import { places } from "../places.mjs";

export const variants = ["programs", "inline"];

export default async function ({ code, equal, ok, place, same, vault, until }) {
  await (await Regrant.open({ application: "regrant", store: "memory", name: "stores" })).connect({ login: "carol", ...vault(3) });
  for (const { kind, store, keeps, read, remove, mode, files } of await places(place, "stores")) {
    const open = () => Regrant.open({ application: "regrant", store, name: "stores", relay: "embedded" });
    const first = await open();
    equal(await first.resume(), null, kind);
    const bob = await first.connect({ login: `bob ${kind}`, ...vault(2) });
    const alice = await first.connect({ login: `alice ${kind}`, ...vault(1) });
    const { bytes } = await alice.encrypt("for bob", { shareWith: [bob.login], metadata: { note: "METADATA" } });
    await alice.trust.verify(bob.login, await bob.trust.verificationCode(bob.login));
    await first.close();

    const again = await open();
    const resumed = await again.resume();
    same([resumed.login, resumed.locked, resumed.publicKey], [alice.login, !keeps, alice.publicKey], kind);
    if (!keeps) {
      await code(resumed.decrypt(bytes), "ERR_LOCKED", kind);
      await code(resumed.unlock(vault(9)), "ERR_WRONG_SECRET", kind);
      await resumed.unlock(vault(1));
    }
    equal((await resumed.decrypt(bytes)).data, "for bob", kind);
    equal(await resumed.trust.state(bob.login), "verified", `${kind}: what was compared is remembered`);
    equal(await again.resume("nobody"), null, kind);
    if (mode) same([mode(), files()], [0o600, ["stores.store.json"]], "a file for its owner alone, and no other");

    // Locked is locked, also for what another session of this device stores afterwards.
    const other = await (await open()).connect({ login: alice.login, ...vault(1) });
    await resumed.lock();
    const boxed = (await read())[`memory/${alice.login}`];
    await other.trust.state("carol");
    ok((await read())[`memory/${alice.login}`] !== boxed, `${kind}: nothing was stored`);
    await other.identities.renewKeys();
    const locked = await (await open()).resume(alice.login);
    same([locked.locked, locked.publicKey.version], [true, 2], kind);
    await resumed.unlock(vault(1));
    equal(resumed.publicKey.version, 2, kind);

    // Signing out ends every session that shares the store, and leaves what is others'.
    let told = 0;
    other.on("signedout", () => told++);
    const beside = await again.resume(alice.login);
    await resumed.disconnect();
    await code(beside.encrypt("x"), "ERR_NOT_CONNECTED", kind);
    await until(() => told === 1, `${kind}: the other was not signed out`);
    await code(other.encrypt("x"), "ERR_NOT_CONNECTED", kind);
    same(Object.keys(await read()).sort(), [`memory/${bob.login}`, `remembered/0/${bob.login}`, `session/${bob.login}`], kind);
    equal(await again.resume(alice.login), null, kind);
    equal(await again.resume(), null, `${kind}: nobody else is resumed in place of the last`);
    await again.loseKeys(bob.login);
    same(await read(), {}, kind);
    remove();
  }

  // Memory is private to its Regrant.
  const memory = () => Regrant.open({ application: "regrant", store: "memory", name: "stores" });
  const one = await memory();
  await one.connect({ login: "carol", ...vault(3) });
  equal((await one.resume()).locked, false);
  equal(await (await memory()).resume(), null);

  // What is not there is said to be missing, and is not replaced by something else.
  const absent = place === "browser" ? { directory: "x" } : "indexeddb";
  await code(Regrant.open({ application: "regrant", store: absent }), place === "browser" ? "ERR_BAD_INPUT" : "ERR_STORE_MISSING");
  if (place === "node") await code(Regrant.open({ application: "regrant", store: "localstorage" }), "ERR_STORE_MISSING");
  equal((await support()).localstorage, place === "browser");
  ok((await support()).notes.length > 0);
}
