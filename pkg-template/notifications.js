// `session.notifications`: what others told this login, such as keys that are new after a loss.
import { report } from "./errors.js";
import * as input from "./input.js";

const STATUSES = ["pending", "ongoing", "completed", "cancelled"];

export class Notifications {
  #handle;
  #events;

  constructor(handle, events) {
    this.#handle = handle;
    this.#events = events;
  }

  async pendingAfter(when, o) {
    const after = input.time(when, "when");
    const type = input.optional(input.oneOf, input.options(o, ["type"]).type, "type", ["KEY_PAIR_UPDATE"]);
    return this.#handle.call((raw) => raw.pendingAfter(after, type));
  }

  async get(id) {
    input.id(id);
    return this.#handle.call((raw) => raw.notification(id));
  }

  async setStatus(id, status) {
    input.id(id);
    input.oneOf(status, "status", STATUSES);
    await this.#handle.call((raw) => raw.setStatus(id, status));
  }

  subscribe(listener) {
    input.func(listener, "listener");
    const begun = Date.now();
    const seen = new Set();
    let first = true;
    let over = false;
    const look = async () => {
      const pending = await this.#handle.call((raw) => raw.pendingAfter(0)).catch(() => undefined);
      if (!pending) return;
      const fresh = pending.filter(({ id }) => !seen.has(id));
      for (const { id } of fresh) seen.add(id);
      for (const notification of fresh) {
        // What was there before is for `pendingAfter`; what came while we looked is not lost.
        if (over || (first && notification.created < begun)) continue;
        try {
          listener(notification);
        } catch (error) {
          report(error);
        }
      }
      first = false;
    };
    // One after the other, so that none is told twice.
    let turn = look();
    const stop = this.#events.on("notification", () => void (turn = turn.then(look)));
    return () => {
      over = true;
      stop();
    };
  }
}
