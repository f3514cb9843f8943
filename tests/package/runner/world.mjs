// A relay that a test holds in its hands, and people on it: what the programs about hostile relays share.
import { Regrant, generateKeyPair } from "regrant";
import { createRelay, createStore, forger } from "regrant/testing";

const pool = [];
/** Key pairs that are made once a run. */
export const pair = (n) => (pool[n] ??= generateKeyPair({ modulusLength: 2048 }));

/** A relay, with people who know each other: each has a store of their own, and a view of the relay that can lie to them alone. */
export async function world(logins) {
  const relay = createRelay();
  const people = {};
  logins.forEach((_, n) => void pair(n));
  for (const [n, login] of logins.entries()) {
    const [view, store] = [relay.view(), createStore()];
    const open = () => Regrant.open({ application: "regrant", relay: view, store });
    const keyPair = await pair(n);
    const session = await (await open()).connect({ login, keyPair });
    people[login] = { session, view, store, open, keyPair, again: async (o) => (await open()).connect({ login, keyPair }, o) };
  }
  const keyset = (login, version = 0) => relay.read(relay.of("identity", login)).keysets.at(version - 1).keyset;
  const forge = (login) => forger(login, people[login].keyPair, keyset(login, 1));
  const find = (kind, fits) => relay.keys.filter((key) => key.startsWith(`${kind}/`)).map((key) => [key, relay.read(key)]).find(([, value]) => fits(value));
  const exchange = (from, to) => find("exchange", ({ exchange }) => exchange.delegator === from && exchange.delegate === to);
  /** What a reader takes out of a grant, with a client of its own. */
  const taken = async (from, to) => {
    const who = await forge(to);
    const [, record] = exchange(from, to);
    const key = await who.openExchange(record);
    const [, { grant }] = find("grant", ({ grant }) => grant.exchange === record.exchange.id);
    return { who, key, exchange: record.exchange, grant, items: await who.openGrant(grant, key) };
  };
  /** Tells a login of a record. */
  const tell = (login, entry) => relay.append(`${relay.of("log", login)}/`, entry);
  const plant = (login, { exchange, wraps = [], grant }) => {
    if (exchange) relay.write(`exchange/${exchange.id}`, { exchange, wraps }), tell(login, { exchange: exchange.id });
    if (grant) relay.write(`grant/${grant.id}`, { grant }), tell(login, { grant: grant.id });
  };
  return { relay, ...people, keyset, forge, find, exchange, taken, tell, plant };
}

/** A stranger's relay, at which somebody else registered a login. */
export async function elsewhere(login, secret) {
  const relay = createRelay();
  const session = await (await Regrant.open({ application: "regrant", relay, store: "memory" })).connect({ login, ...secret });
  return { relay, session };
}

export const read = async (session, bytes) => (await session.decrypt(bytes)).data;
