// Among the tabs of one origin one has a connection and tells the others: by a Web Lock and a channel, where there are
// both. Elsewhere each has one.
import { has } from "../environment.js";
import { pause } from "./waiting.js";

const canShare = () => has("BroadcastChannel") && typeof globalThis.navigator?.locks?.request === "function";

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
