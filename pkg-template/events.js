// Listeners of a session, and the news that they hear. It knows nothing of what the events mean.
import { report } from "./errors.js";
import { func, oneOf } from "./input.js";

const NAMES = ["locked", "changed", "signedout", "notification", "granted", "access", "trust", "warning", "online", "offline"];
/** Those that only reading at the relay can tell. */
const NEWS = ["changed", "granted", "notification", "access"];

/** Turns what the core says into events for listeners. */
export class Events {
  #handle;
  #listeners = new Map(NAMES.map((name) => [name, new Set()]));
  #reading = false;
  #stale = false;

  #noted;
  #watch;
  #unwatch;

  /**
   * @param {import("./calls.js").Handle} handle of a core session
   * @param {() => void} noted hears that there is something to keep
   * @param {(listener: (event: "online" | "offline") => void) => () => void} watch whether the relay is reached
   */
  constructor(handle, noted, watch) {
    this.#handle = handle;
    this.#noted = noted;
    this.#watch = watch;
    handle.read((raw) => raw.listen((event) => this.#hear(event)));
  }

  /** Adds a listener; what it gives back takes it away. A listener added twice hears twice. */
  on(event, listener) {
    oneOf(event, "event", NAMES);
    const entry = { listener: func(listener, "listener") };
    const all = this.#listeners.get(event);
    all.add(entry);
    if (event === "online" || event === "offline") this.#unwatch ??= this.#watch((news) => this.#hearOfRelay(news));
    return () => void all.delete(entry);
  }

  #emit(event, about) {
    // A copy: a listener may take itself away, or add others.
    for (const { listener } of [...this.#listeners.get(event)]) {
      try {
        const outcome = about === undefined ? listener() : listener(about);
        if (typeof outcome?.then === "function") outcome.then(undefined, report);
      } catch (error) {
        report(error);
      }
    }
  }

  #hearOfRelay(news) {
    if (this.#handle.read((raw) => raw.ended, true)) this.#unwatch();
    else queueMicrotask(() => this.#emit(news));
  }

  // Called from inside the core, where nothing may be asked of it.
  #hear(event) {
    if (event === "noted") this.#noted();
    else if (event === "trust") queueMicrotask(() => this.#tell("trust", (raw) => raw.trustNews()));
    else if (event === "warning") queueMicrotask(() => this.#tell("warning", (raw) => raw.newWarnings()));
    else if (event !== "changed") queueMicrotask(() => this.#emit(event));
    else if (this.#reading) this.#stale = true;
    else if (NEWS.some((name) => this.#listeners.get(name).size > 0)) {
      this.#reading = true;
      // Changes come in bursts: one reading does for all.
      const timer = setTimeout(() => void this.#read(), 0);
      timer.unref?.();
    }
  }

  #tell(event, take) {
    for (const news of this.#handle.read(take, [])) this.#emit(event, news);
  }

  async #read() {
    do {
      this.#stale = false;
      // Locked, ended, or the relay is away: there is nothing to tell but that something changed.
      const news = await this.#handle.call((raw) => raw.poll()).catch(() => []);
      this.#emit("changed");
      for (const event of news) if (NEWS.includes(event)) this.#emit(event);
    } while (this.#stale);
    this.#reading = false;
  }
}
