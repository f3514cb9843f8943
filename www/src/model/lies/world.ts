// A small world of its own for each lie: a relay in memory, people who meet there, each with a view of it that can lie to
// that person alone. Made with `regrant/testing`, which is there for the tests of any application.
import { Regrant, generateKeyPair, type KeyPair, type Session } from "regrant";
import { createRelay, createStore, forger, type TestRelay } from "regrant/testing";

export interface Inhabitant {
  session: Session;
  /** The relay as this person is shown it. */
  view: TestRelay;
  keyPair: KeyPair;
  /** The same person on the same device, after a reload. */
  again(o?: { reset?: boolean }): Promise<Session>;
}

/** Key pairs take long to make; these worlds are all about the same few people. */
let pairs: Promise<KeyPair[]> | undefined;

async function pair(n: number): Promise<KeyPair> {
  pairs ??= Promise.all(Array.from({ length: 4 }, () => generateKeyPair({ modulusLength: 2048 })));
  const found = (await pairs)[n];
  if (!found) throw new Error("there are four key pairs");
  return found;
}

/** The pair of nobody in particular: a stranger's, a thief's. */
export const strangersPair = () => pair(3);

export interface World {
  relay: TestRelay;
  alice: Inhabitant;
  bob: Inhabitant;
}

export async function world(): Promise<World> {
  const relay = createRelay();
  const join = async (login: string, n: number): Promise<Inhabitant> => {
    const [view, store, keyPair] = [relay.view(), createStore(), await pair(n)];
    const again = async (o = {}) => (await Regrant.open({ application: "notes", relay: view, store })).connect({ login, keyPair }, o);
    return { session: await again(), view, keyPair, again };
  };
  return { relay, alice: await join("alice", 0), bob: await join("bob", 1) };
}

/** Another relay, at which a stranger registered a login. */
export async function elsewhere(login: string): Promise<{ relay: TestRelay; session: Session }> {
  const relay = createRelay();
  const regrant = await Regrant.open({ application: "notes", relay, store: "memory" });
  return { relay, session: await regrant.connect({ login, keyPair: await strangersPair() }) };
}

/** Keys that a thief of bob's old ones makes to follow them, as bob would. */
export async function rival({ relay, bob }: World): Promise<unknown> {
  const { keyset } = relay.read(relay.of("identity", "bob")).keysets[0];
  return (await forger("bob", bob.keyPair, keyset)).nextKeyset(await strangersPair());
}
