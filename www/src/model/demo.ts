// The whole of the demo's state: two people, one relay, one shelf of encrypted files.
import { signal } from "@preact/signals";
import { Regrant } from "regrant";
import { wipe } from "./database.js";
import { Person } from "./person.js";
import { Shelf } from "./shelf.js";

/** Keeps this page's keys and relay apart from those of other pages of the same origin. */
export const NAME = "demo";

export interface Demo {
  shelf: Shelf;
  alice: Person;
  bob: Person;
  startOver(): Promise<void>;
}

/** Opens the package and takes up what a reload left. */
export async function openDemo(): Promise<Demo> {
  const regrant = await Regrant.open({ name: NAME, application: "regrant-demo" });
  const shelf = new Shelf();
  await shelf.load();
  const alice = new Person(
    {
      login: "alice",
      name: "Alice (patient)",
      short: "Alice",
      passwords: ["seven green umbrellas", "a new and better umbrella"],
    },
    regrant,
    shelf,
  );
  const bob = new Person(
    {
      login: "bob",
      name: "Dr. Bob",
      short: "Dr. Bob",
      passwords: ["stethoscope on a hook", "another hook entirely"],
    },
    regrant,
    shelf,
  );
  await alice.resume();
  await bob.resume();
  shelf.files.subscribe(() => [alice, bob].forEach((person) => void person.update()));
  return {
    shelf,
    alice,
    bob,
    async startOver() {
      await regrant.close();
      await wipe(`regrant/${NAME}/`);
      shelf.over();
      location.reload();
    },
  };
}

/** The demo once it is open, or why it could not be. */
export const demo = signal<Demo | { failed: unknown } | null>(null);
