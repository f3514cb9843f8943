// The relay of `regrant/testing`: what its operator writes is found as what the rules wrote.
import { Regrant } from "regrant";
import { createRelay } from "regrant/testing";

/** The rules are the same everywhere. */
export const engines = ["chromium"];

export default async function ({ equal, ok, same, vault }) {
  const relay = createRelay();
  const connect = async (at, login) => (await Regrant.open({ application: "regrant", relay: at, store: "memory" })).connect({ login, ...vault(login) });
  // Logins are one segment of a key.
  const [alice, bob, carol] = ["alice", "bo/b", "car%ol"];
  const session = await connect(relay, alice);
  await connect(relay, bob);
  await connect(relay, carol);
  const kept = await session.encrypt("kept", { shareWith: [bob, carol] });
  const [ended] = await session.encryptMany([{ data: "ended" }, { data: "both" }], { shareWith: [bob, carol] });
  await (await connect(relay, bob)).giveAccess([ended.id], carol);
  await session.revoke([ended.id], carol);

  const indexed = relay.keys.filter((key) => /^(exchange|grant|revocation)\//.test(key));
  const names = (at) => indexed.map((key) => [key, [...at.snapshot().records.get(key).index].sort()]);
  for (const kind of ["exchange", "grant", "revocation"]) ok(indexed.some((key) => key.startsWith(`${kind}/`)), kind);
  ok(indexed.some((key) => relay.read(key).cuts?.length > 0), "something was cut from a grant");

  // A relay that an operator wrote from nothing: exchange keys first, by which grants are found.
  const other = createRelay();
  for (const key of [...relay.keys].sort((a, b) => a.startsWith("grant/") - b.startsWith("grant/"))) other.write(key, relay.read(key));
  same(names(other), names(relay));
  const again = await connect(other, alice);
  same((await again.whoCanRead(kept.id)).map(({ login }) => login), [alice, bob, carol]);
  const next = await again.encrypt("next", { id: ended.id, ifVersion: "latest" });
  same(next.dropped, []);
  equal((await (await connect(other, bob)).decrypt(next.bytes)).data, "next");

  // What is no such record keeps the names that it had; what is removed has none.
  const [grant] = indexed.filter((key) => key.startsWith("grant/"));
  const before = names(other);
  other.write(grant, { grant: null });
  same(names(other), before);
  other.write(grant, undefined);
  equal(other.snapshot().records.has(grant), false);
  other.write(grant, relay.read(grant), ["somewhere/else"]);
  same(other.snapshot().records.get(grant).index, ["somewhere/else"]);
}
