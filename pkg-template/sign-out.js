// Signing out anywhere ends the sessions of everybody who shares the store: those of this `Regrant`, and by a message
// those of other tabs. Where no message gets through, a session finds its record gone when it next stores something.
import { Handle } from "./calls.js";
import { has } from "./environment.js";

/** Other tabs, reached by a `BroadcastChannel`; without, by an item of localStorage whose changes they hear of. */
function openChannel(name, hear) {
  if (has("BroadcastChannel")) {
    const channel = new BroadcastChannel(name);
    channel.unref?.();
    channel.addEventListener("message", ({ data }) => hear(data));
    return { post: (message) => channel.postMessage(message), close: () => channel.close() };
  }
  if (typeof addEventListener !== "function") return undefined;
  const listener = ({ key, newValue }) => {
    if (key !== name || !newValue) return;
    try {
      hear(JSON.parse(newValue));
    } catch {
      // Somebody else's writing.
    }
  };
  addEventListener("storage", listener);
  const post = (message) => {
    try {
      localStorage.setItem(name, JSON.stringify(message));
      localStorage.removeItem(name);
    } catch {
      // No localStorage, or no room in it.
    }
  };
  return { post, close: () => removeEventListener("storage", listener) };
}

export class SignOut {
  #channel;
  /** Sessions of this `Regrant`, with the time at which they began. */
  #sessions = new Set();

  /** @param {string} [place] a name that all share who share the store; none for one that nobody else has */
  constructor(place) {
    if (place !== undefined) this.#channel = openChannel(`regrant/${place}/session`, (message) => this.#hear(message));
  }

  /** Ends this core session when its login is signed out elsewhere. */
  watch(raw) {
    const handle = new Handle(raw);
    for (const session of this.#sessions) if (session.handle.read((raw) => raw.ended, true)) this.#sessions.delete(session);
    this.#sessions.add({ handle, login: raw.login, since: Date.now() });
  }

  /**
   * A login begins to be signed out here; gives what says that it is done. It ends the sessions that were there when it
   * began: one that comes meanwhile may rest, after the wiping. If not, it finds its record gone.
   */
  begin(login) {
    const message = { signedout: login, at: Date.now() };
    const there = [...this.#sessions].filter((session) => session.login === login);
    return () => {
      this.#channel?.post(message);
      for (const session of there) this.#end(session);
    };
  }

  close() {
    this.#channel?.close();
    this.#channel = undefined;
  }

  #hear(message) {
    for (const session of this.#sessions) {
      // A message may arrive late, in a tab that slept: it is about what was there when it was sent.
      if (session.login === message?.signedout && session.since <= message.at) this.#end(session);
    }
  }

  #end(session) {
    session.handle.call((raw) => raw.end()).catch(() => {});
    this.#sessions.delete(session);
  }
}
