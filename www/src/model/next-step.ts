// What to do next, told from the state that the people are really in.
import type { Demo } from "./demo.js";
import type { Person } from "./person.js";

export interface Step {
  /** Which part of the story, from 1; one more than there are when it is over. */
  part: number;
  text: string;
  /** Whose turn it is. */
  turn?: Person;
}

/** The parts of the story, for the progress line. */
export const PARTS = ["Connect", "Encrypt and share", "Lose the key", "Give access back"] as const;

export function nextStep(demo: Demo): Step {
  const { alice, bob, shelf } = demo;
  if (alice.lost.value) return beginAnew(alice);
  if (!alice.connected.value) return { part: 1, turn: alice, text: "Alice: press “Connect”. The password is only a suggestion." };
  if (alice.locked.value) return { part: 1, turn: alice, text: "Alice is locked. Enter her password and press “Unlock”." };
  if (!bob.connected.value) return { part: 1, turn: bob, text: "Dr. Bob: press “Connect” in his panel." };
  if (bob.locked.value) return { part: 1, turn: bob, text: "Dr. Bob is locked. Enter his password and press “Unlock”." };
  const hers = shelf.files.value.filter(({ owner }) => owner === alice.who.login);
  if (hers.length === 0) return { part: 2, turn: alice, text: "Alice: choose or drop a file, or press “Use a sample file”." };
  return alice.anew.value !== undefined ? afterTheLoss(demo) : beforeTheLoss(demo);
}

function beforeTheLoss({ alice, bob, shelf }: Demo): Step {
  const shared = shelf.files.value.filter(({ id, owner }) => owner === alice.who.login && canRead(bob, id));
  if (shared.length === 0) return { part: 2, turn: alice, text: "Alice: press “Share with Dr. Bob” on the file." };
  if (!shared.some(({ id }) => bob.read.value.has(id))) {
    return { part: 2, turn: bob, text: "Dr. Bob: press “Open” on the file that he was given." };
  }
  return { part: 3, turn: alice, text: "Now the accident. Alice: press “Lose the keys”." };
}

function beginAnew(alice: Person): Step {
  const text = alice.refused.value
    ? "A wrong password never replaces keys by itself. Alice: press “My keys are lost: begin anew”."
    : "Alice's keys are gone, and she forgot her password. Press “Connect” with a new one and see what happens.";
  return { part: 3, turn: alice, text };
}

function afterTheLoss({ alice, bob, shelf }: Demo): Step {
  if (bob.requests.value.length > 0) {
    return {
      part: 4,
      turn: bob,
      text: "Alice has new keys: her old files stay closed to her, new ones work. Dr. Bob was told: compare her code in his panel.",
    };
  }
  const since = alice.anew.value ?? 0;
  const old = shelf.files.value.filter(({ owner, added }) => owner === alice.who.login && added < since);
  const back = old.filter(({ id }) => canRead(alice, id));
  if (old.length > 0 && back.length === 0) {
    return {
      part: 4,
      text: "Alice's old files stay closed: what was shared with nobody, or is not given back, is lost with its key. Start over to see the other ending.",
    };
  }
  if (back.length > 0 && !back.some(({ id }) => alice.read.value.has(id))) {
    return { part: 4, turn: alice, text: "Access is back. Alice: press “Open” on one of her old files." };
  }
  return { part: 5, text: "That was the story: the key was lost, the data was not. See what the relay saw, below; take access away, lock, reload, make a group." };
}

const canRead = (person: Person, id: string) => person.sights.value.get(id)?.state === "readable";
