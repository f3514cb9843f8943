// Many single encryptions: the relay keeps few grants, and a new session reads few.
import { Regrant } from "regrant";
import { createRelay } from "regrant/testing";

export const variants = ["programs"];

export default async function ({ code, equal, ok, vault }) {
  const relay = createRelay();
  const open = () => Regrant.open({ relay, store: "memory" });
  const alice = await (await open()).connect({ login: "alice", ...vault(1) });
  const bob = await (await open()).connect({ login: "bob", ...vault(2) });
  const sealed = [];
  for (let i = 0; i < 200; i++) sealed.push(await alice.encrypt(`item ${i}`, i % 2 ? { shareWith: ["bob"] } : {}));
  const count = (kind) => relay.keys.filter((key) => key.startsWith(`${kind}/`)).length;
  ok(count("grant") < 120, `${count("grant")} grants`);
  ok(count("by-item") < 120, `${count("by-item")} index entries`);
  ok(count("log") < 200, `${count("log")} log entries`);
  const again = await (await open()).connect({ login: "alice", ...vault(1) });
  for (const [i, { bytes }] of sealed.entries()) {
    equal((await again.decrypt(bytes)).data, `item ${i}`);
    if (i % 2) equal((await bob.decrypt(bytes)).data, `item ${i}`);
    else await code(bob.decrypt(bytes), "ERR_NO_ACCESS");
  }
  await alice.revoke([sealed[1].id], "bob");
  await code(bob.decrypt(sealed[1].bytes), "ERR_NO_ACCESS");
  equal((await bob.decrypt(sealed[3].bytes)).data, "item 3");
}
