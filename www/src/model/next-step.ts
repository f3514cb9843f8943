// What to do next, told from the state that the people are really in.
import type { Demo } from "./demo.js";

export interface Step {
  /** Which part of the story, from 1. */
  part: number;
  text: string;
}

/** The parts of the story, for the progress line. */
export const PARTS = ["Connect", "Encrypt and share", "Lose the key", "Give access back"] as const;

export function nextStep({ alice, bob, shelf }: Demo): Step {
  const begun = alice.key.value;
  const renewed = (begun?.version ?? 1) > 1;

  if (alice.lost.value) return lost(alice.refused.value);
  if (!alice.connected.value) return step(1, "Alice: press “Connect”. The password is only a suggestion.");
  if (alice.locked.value) return step(1, "Alice is locked. Enter her password and press “Unlock”.");
  if (!bob.connected.value) return step(1, "Dr. Bob: press “Connect” in his panel.");
  if (bob.locked.value) return step(1, "Dr. Bob is locked. Enter his password and press “Unlock”.");

  const hers = shelf.files.value.filter(({ owner }) => owner === "alice");
  if (hers.length === 0) return step(2, "Alice: choose or drop a file, or press “Use a sample file”.");

  if (renewed) {
    if (bob.requests.value.length > 0) {
      return step(4, "Alice cannot open her old files. Dr. Bob was told of her new keys: compare her code in his panel, then give access back.");
    }
    const old = hers.filter(({ id }) => alice.sights.value.get(id)?.state === "readable");
    if (old.length > 0 && !old.some(({ id }) => alice.read.value.has(id))) {
      return step(4, "Access is back. Alice: press “Open” on a file of hers.");
    }
    if (old.length === 0) return step(2, "Alice's new keys work at once: add a file.");
    return step(5, "That was the story: the key was lost, the data was not. Look at what the relay saw, below, or revoke, lock, reload.");
  }

  const shared = hers.filter(({ id }) => bob.sights.value.get(id)?.state === "readable");
  if (shared.length === 0) return step(2, "Alice: press “Share with Dr. Bob” on the file.");
  if (!shared.some(({ id }) => bob.read.value.has(id))) return step(2, "Dr. Bob: press “Open” on the file that he was given.");
  return step(3, "Now the accident. Alice: press “Lose the keys”.");
}

function lost(refused: boolean): Step {
  if (!refused) return step(3, "Alice's keys are gone, and she forgot her password. Press “Connect” with a new one and see what happens.");
  return step(3, "A wrong password never replaces keys by itself. Alice: press “My keys are lost: begin anew”.");
}

const step = (part: number, text: string): Step => ({ part, text });
