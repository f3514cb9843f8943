// Lies about what was sent: altered, exchanged, kept back, lost.
import { Regrant, type Session } from "regrant";
import type { Lie } from "./lie.js";
import { strangersPair, world, type World } from "./world.js";

/** A file of a few parts that the relay keeps. */
const SIZE = 300_000;
const keep = (session: Session, fill: number) => session.store(new Blob([new Uint8Array(SIZE).fill(fill)]));

async function length(session: Session, id: string): Promise<number> {
  const { stream } = await session.retrieve(id);
  let sum = 0;
  const reader = stream.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) sum += piece.value.length;
  return sum;
}

const READ = "alice.retrieve(id), read to its end";

/** The file is whole once the relay behaves. */
async function whole(w: World, id: string): Promise<number> {
  w.alice.view.behave();
  return length(w.alice.session, id);
}

const flip = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 70 ? byte ^ 1 : byte));

export const ABOUT_DATA: readonly Lie[] = [
  {
    title: "Flips one bit of a file",
    act: "alter-parts",
    does: "One bit of 300,000 bytes comes back other than it was.",
    means: "Every piece carries its proof, and is checked before it is given out.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      const { id } = await keep(w.alice.session, 1);
      w.alice.view.misbehave("alter-parts", { item: id, change: (bytes, name) => (name === "0000000001" ? flip(bytes) : bytes) });
      await log.refused(READ, length(w.alice.session, id), "ERR_CORRUPT");
      await log.gives("the same once the relay behaves", whole(w, id), (bytes) => bytes === SIZE);
    },
  },
  {
    title: "Gives one piece of a file in place of another",
    act: "swap-parts",
    does: "Both pieces are authentic, of the same file and the same length; only their places are wrong.",
    means: "A piece's place is part of what it proves.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      const { id } = await keep(w.alice.session, 1);
      w.alice.view.misbehave("swap-parts", { item: id, from: "0000000001", to: "0000000002" });
      await log.refused(READ, length(w.alice.session, id), "ERR_CORRUPT");
      await log.gives("the same once the relay behaves", whole(w, id), (bytes) => bytes === SIZE);
    },
  },
  {
    title: "Gives another file of Alice's",
    act: "mix-items",
    does: "It is a file that she encrypted herself, whole and authentic; only not the one that she asked for.",
    means: "What gives access names one file and the hash of its content: another does not fit.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      const { id } = await keep(w.alice.session, 1);
      const other = await keep(w.alice.session, 2);
      w.alice.view.misbehave("mix-items", { item: id, from: other.id });
      await log.refused(READ, length(w.alice.session, id), "ERR_CORRUPT");
      await log.gives("the same once the relay behaves", whole(w, id), (bytes) => bytes === SIZE);
    },
  },
  {
    title: "Loses a piece of a file",
    act: "lose-parts",
    does: "The relay deleted it, or says so.",
    means: "That is noticed and said, and nothing is made up in its place. No encryption brings lost bytes back: keep backups.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      const { id } = await keep(w.alice.session, 1);
      w.alice.view.misbehave("lose-parts", { item: id, names: ["0000000002"] });
      await log.refused(READ, length(w.alice.session, id), "ERR_RELAY_UNAVAILABLE");
      await log.gives("the same once the relay behaves", whole(w, id), (bytes) => bytes === SIZE);
    },
  },
  {
    title: "Forges the news that Alice has new keys",
    act: "alter",
    does: "Alice did begin anew, and Bob is told. The relay changes the notification on its way: its date, its sender, its signature.",
    means: "Notifications are signed and sealed. Bob is shown none that was altered, so there is nothing to be answered by mistake.",
    verdict: "caught",
    async play(log) {
      const w = await world();
      await w.alice.session.encrypt("ours", { shareWith: ["bob"] });
      const elsewhere = await Regrant.open({ application: "notes", relay: w.relay, store: "memory" });
      await elsewhere.connect({ login: "alice", keyPair: await strangersPair() }, { reset: true });
      const pending = () => w.bob.session.notifications.pendingAfter(0).then(({ length }) => length);
      await log.gives("honest: bob.notifications.pendingAfter(0), how many", pending(), (count) => count === 1);
      for (const [what, change] of [
        ["another date", { created: 1 }],
        ["another sender", { sender: "carol" }],
        ["another signature", { signature: "A".repeat(86) }],
      ] as const) {
        const stop = w.bob.view.misbehave("alter", {
          kind: "notification",
          change: (record) => ({ ...record, notification: { ...record.notification, ...change } }),
        });
        await log.gives(`${what}: how many`, pending(), (count) => count === 0);
        stop();
      }
    },
  },
  {
    title: "Keeps news back",
    act: "hold-back",
    does: "Alice gives Bob access to something, and the relay does not tell him.",
    means: "Nobody can prove that silence is a lie, and the relay is not found out. But it opens nothing by it: what Bob was not told of stays closed to him until he is.",
    verdict: "withstood",
    async play(log) {
      const w = await world();
      const first = await w.alice.session.encrypt("first", { shareWith: ["bob"] });
      await log.gives("honest: bob.decrypt(first)", w.bob.session.decrypt(first.bytes).then(({ data }) => data), (data) => data === "first");
      const after = w.relay.keys.filter((key) => key.startsWith(`${w.relay.of("log", "bob")}/`)).length;
      w.bob.view.misbehave("hold-back", { login: "bob", after });
      const second = await w.alice.session.encrypt("second", { shareWith: ["bob"] });
      await log.refused("bob.decrypt(second)", w.bob.session.decrypt(second.bytes), "ERR_NO_ACCESS");
      w.bob.view.behave();
      await log.gives("once it behaves: bob.decrypt(second)", w.bob.session.decrypt(second.bytes).then(({ data }) => data), (data) => data === "second");
    },
  },
  {
    title: "Does not answer at all",
    act: "unavailable",
    does: "The relay is down, or pretends to be.",
    means: "Nothing is lost: what is under way says so, may be tried again, and the device keeps its keys.",
    verdict: "withstood",
    async play(log) {
      const w = await world();
      const { bytes } = await w.alice.session.encrypt("before");
      w.alice.view.misbehave("unavailable", {});
      await log.refused('alice.encrypt("meanwhile")', w.alice.session.encrypt("meanwhile"), "ERR_RELAY_UNAVAILABLE");
      w.alice.view.behave();
      await log.gives("once it answers: alice.decrypt(bytes)", w.alice.session.decrypt(bytes).then(({ data }) => data), (data) => data === "before");
    },
  },
];
