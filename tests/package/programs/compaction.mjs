// Many single encryptions do not become many grants: neither the relay's records nor what a reader reads grows by one
// for each, and every item stays what it was.
import { Regrant } from "regrant";
import { createRelay } from "regrant/testing";

// The relay's and the client's work, not the engine's.
export const engines = ["chromium"];

export default async function ({ code, equal, ok, place, same, vault }) {
  const ITEMS = place === "node" ? 10_000 : 2_000;
  const relay = createRelay();
  const open = () => Regrant.open({ application: "regrant", relay, store: "memory" });
  const alice = await (await open()).connect({ login: "alice", ...vault(1) });
  const bob = await (await open()).connect({ login: "bob", ...vault(2) });
  const items = [];
  for (let i = 0; i < ITEMS; i++) items.push(await alice.encrypt(`item ${i}`, { shareWith: ["bob"] }));

  // Each is one grant to oneself and one to bob. Of 64 small ones one remains, so at most 64 of them are left, and the others.
  const count = (kind) => relay.keys.filter((key) => key.startsWith(`${kind}/`)).length;
  const most = 2 * (64 + Math.ceil(ITEMS / 64));
  ok(count("grant") <= most, `${count("grant")} grants`);
  // Each item is found once for each of its readers, and the grants themselves by little more.
  const names = [...relay.snapshot().records.values()].flatMap(({ index = [] }) => index);
  const found = (kind) => names.filter((name) => name.startsWith(`${kind}/`)).length;
  equal(found("readers"), 2 * ITEMS);
  for (const kind of ["got", "given", "told"]) ok(found(kind) <= 2 * most, `${found(kind)} names of ${kind}`);
  for (const login of ["alice", "bob"]) ok(count(`log/${login}`) <= 2 * most, `${count(`log/${login}`)} entries of ${login}'s log`);

  // For who was there all along, and who comes now.
  const again = await (await open()).connect({ login: "bob", ...vault(2) });
  for (const reader of [alice, bob, again]) {
    for (let i = 0; i < ITEMS; i += 97) equal((await reader.decrypt(items[i].bytes)).data, `item ${i}`);
  }
  same((await alice.whoCanRead(items[70].id)).map(({ login }) => login), ["alice", "bob"]);
  await alice.revoke([items[70].id], "bob");
  await code(again.decrypt(items[70].bytes), "ERR_NO_ACCESS");
  equal((await again.decrypt(items[71].bytes)).data, "item 71");
}
