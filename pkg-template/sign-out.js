// Signing out in one tab ends the sessions of the others, which share the store: a message on a `BroadcastChannel`.
import { Handle } from "./calls.js";
import { has } from "./environment.js";

export class SignOut {
  #channel;
  /** Sessions of this `Regrant`, with the time at which they began. */
  #sessions = new Set();

  /** @param {{ name: string, store: string }} settings */
  constructor({ name, store }) {
    if (store !== "indexeddb" || !has("BroadcastChannel")) return;
    this.#channel = new BroadcastChannel(`regrant/${name}/session`);
    this.#channel.unref?.();
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data));
  }

  /** Ends this core session when its login is signed out elsewhere. */
  watch(raw) {
    if (!this.#channel) return;
    const handle = new Handle(raw);
    for (const session of this.#sessions) if (session.handle.read((raw) => raw.ended, true)) this.#sessions.delete(session);
    this.#sessions.add({ handle, login: raw.login, since: Date.now() });
  }

  /** Says that a login was signed out here. */
  tell(login) {
    this.#channel?.postMessage({ signedout: login, at: Date.now() });
  }

  close() {
    this.#channel?.close();
    this.#channel = undefined;
  }

  #hear(message) {
    for (const session of this.#sessions) {
      // A message may arrive late, in a tab that slept: it is about what was there when it was sent.
      if (session.login !== message?.signedout || !(session.since <= message.at)) continue;
      session.handle.call((raw) => raw.end()).catch(() => {});
      this.#sessions.delete(session);
    }
  }
}
