// Among the tabs of one origin one has a connection and tells the others: by a Web Lock and a channel, where there are
// both. Elsewhere each has one.
import { has } from "../environment.js";
import { pause } from "./waiting.js";

const hasLocks = () => typeof globalThis.navigator?.locks?.request === "function";
const canShare = () => has("BroadcastChannel") && hasLocks();

/** Over HTTP/1.1 a browser has six connections to a place, for all tabs: so many of them may be waiting. */
const MOST_WAITING = 3;
/** How many wait in this page, by place, where there are no locks. */
const waiting = new Map();

/**
 * Runs `work`, which keeps a connection to `place`, if another one may be kept there. Gives whether it ran.
 *
 * @param {string} place
 * @param {() => Promise<void>} work
 */
export async function ifRoom(place, work) {
  const ran = async () => (await work(), true);
  // What is no browser has no such limit.
  if (!has("location")) return ran();
  if (!hasLocks()) return counted(place, ran);
  for (let n = 0; n < MOST_WAITING; n++) {
    const name = `regrant/waiting ${place} ${n}`;
    if (await navigator.locks.request(name, { ifAvailable: true }, (lock) => lock !== null && ran())) return true;
  }
  return false;
}

async function counted(place, ran) {
  const count = waiting.get(place) ?? 0;
  if (count === MOST_WAITING) return false;
  waiting.set(place, count + 1);
  try {
    return await ran();
  } finally {
    waiting.set(place, waiting.get(place) - 1);
  }
}

/** A channel to the other tabs, by a name that they share. What another script posts is only ever a reason to look. */
export class Shared {
  #name;
  #channel;

  /** @param {(message: object) => void} hear what others told */
  constructor(name, hear) {
    this.#name = name;
    if (!canShare()) return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => typeof data === "object" && data !== null && hear(data);
    // In Node an open channel would keep the process alive.
    this.#channel.unref?.();
  }

  tell(message) {
    try {
      this.#channel?.postMessage(message);
    } catch {
      // Others look when they ask.
    }
  }

  /** Runs `work` while no other tab does, once they let it; until the signal is aborted. */
  async alone(signal, work) {
    if (this.#channel === undefined) return work();
    try {
      await navigator.locks.request(this.#name, { signal }, work);
    } catch {
      // It was aborted while it waited; or there are no locks for this page, which then waits a little and tries again.
      await pause(1_000, signal);
    }
  }

  close() {
    this.#channel?.close();
  }
}
