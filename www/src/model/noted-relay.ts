// The relay of this demo: the package's embedded one, over this page's database. In between, everything that it is sent is
// noted: the page shows it. A relay elsewhere is sent the same, and is told no more.
import { signal } from "@preact/signals";
import { openRelay, type Relay, type RelayOperation } from "regrant";
import { Database, committed, promise } from "./database.js";
import { RelayDatabase } from "./relay-database.js";

/** One request that the relay was sent, in the order in which they were. */
export interface Sent {
  number: number;
  /** Unix milliseconds. */
  when: number;
  /** What the people of the page were doing at the time, in words. */
  during: string;
  /** Whether the token of a session came along. Which, is not noted: whoever has it is that session to the relay. */
  token: boolean;
  operations: readonly RelayOperation[];
  /** Parts of a file that came along; the bytes are where the relay keeps them. */
  parts?: { item: string; names: string[]; bytes: number };
}

type Parts = Parameters<Relay["putParts"]>[2];

export class NotedRelay implements Relay {
  /** What was sent, oldest first. */
  readonly sent = signal<readonly Sent[]>([]);
  /** Says what is going on, for the notes. */
  during: () => string = () => "";
  readonly origin = "demo";
  /** What the relay keeps. */
  readonly storage: RelayDatabase;
  #relay: Promise<Relay>;
  #notes: Database;
  #over = false;
  /** Other tabs have the same relay. */
  #tabs: BroadcastChannel;

  /** @param elsewhere called when another tab had the relay write something */
  constructor(name: string, elsewhere: () => void) {
    this.storage = new RelayDatabase(name, () => this.#tabs.postMessage("written"));
    this.#relay = openRelay({ relay: { storage: this.storage }, relayId: this.origin });
    this.#notes = new Database(`${name}-sent`, (database) => {
      database.createObjectStore("sent", { keyPath: "number", autoIncrement: true });
    });
    this.#tabs = new BroadcastChannel(name);
    this.#tabs.onmessage = ({ data }) => (data === "written" ? elsewhere() : void this.load());
  }

  /** Takes up what was sent before, or from another tab. */
  async load(): Promise<void> {
    const transaction = await this.#notes.transaction(["sent"], "readonly");
    this.sent.value = await promise<Sent[]>(transaction.objectStore("sent").getAll());
  }

  /** Whoever asks from now on is told that it is over: nothing is noted of a relay that is not there any more. */
  async delete(): Promise<void> {
    this.#over = true;
    await Promise.all([this.storage.delete(), this.#notes.delete()]);
  }

  // ---- what the package asks ----

  async call(token: string | undefined, operations: readonly RelayOperation[]) {
    await this.#note({ token: token !== undefined, operations: structuredClone(operations) });
    return (await this.#relay).call(token, operations);
  }

  async putParts(token: string | undefined, item: string, parts: Parts): Promise<void> {
    const names = parts.map(([name]) => name);
    const bytes = parts.reduce((sum, [, part]) => sum + part.length, 0);
    await this.#note({ token: token !== undefined, operations: [{ op: "putParts", item, parts: names }], parts: { item, names, bytes } });
    await (await this.#relay).putParts(token, item, parts);
  }

  async getParts(token: string | undefined, item: string, basis: string, names: readonly string[]) {
    await this.#note({ token: token !== undefined, operations: [{ op: "getParts", item, basis, parts: [...names] }] });
    return (await this.#relay).getParts(token, item, basis, names);
  }

  subscribe(login: string, listener: () => void): () => void {
    let stop: (() => void) | undefined;
    let over = false;
    void this.#relay.then((relay) => over || (stop = relay.subscribe(login, listener)));
    return () => {
      over = true;
      stop?.();
    };
  }

  /** Notes a request before the relay gets it: nothing is sent that is not listed. */
  async #note(what: Pick<Sent, "token" | "operations" | "parts">): Promise<void> {
    if (this.#over) throw new Error("the page starts over");
    const note = { when: Date.now(), during: this.during(), ...what };
    const transaction = await this.#notes.transaction(["sent"], "readwrite");
    const done = committed(transaction);
    const number = Number(await promise(transaction.objectStore("sent").add(note)));
    await done;
    this.sent.value = [...this.sent.value, { number, ...note }];
    this.#tabs.postMessage("sent");
  }
}
