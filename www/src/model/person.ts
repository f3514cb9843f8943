// One person at one device: connecting, locking, losing the keys. Everything that happens to the keys is done by the
// package; this keeps what the page shows of it.
import { computed, signal } from "@preact/signals";
import type { Notification, PublicKey, Regrant, Session, Warning } from "regrant";
import * as database from "./database.js";
import { remember, rememberFile } from "./known.js";
import { look, show, type Opened, type Sight } from "./sight.js";
import type { Kept, Shelf } from "./shelf.js";
import { Work, codeOf, type Course } from "./work.js";

export interface Who {
  login: string;
  name: string;
  /** How others speak of the person. */
  short: string;
  /** Passwords to suggest: the first, and the one after the first was forgotten. */
  passwords: [string, string];
  /** Comes to the page only when called in. */
  guest?: true;
}

/** Whose keys are new. */
export const asksFor = (request: Notification) => request.properties.dataOwnerConcernedId;

export type Receipt = Awaited<ReturnType<Session["giveAccessBackTo"]>>;
export type RevokeReport = Awaited<ReturnType<Session["revoke"]>>;

/** What the page must remember of a person over a reload. */
interface Note {
  lost: boolean;
  /** When new keys were begun after a loss, Unix milliseconds. */
  anew?: number | undefined;
  opened: string[];
}

export class Person {
  readonly work = new Work();
  readonly session = signal<Session | null>(null);
  readonly key = signal<PublicKey | null>(null);
  readonly locked = signal(false);
  /** The code by which others make sure that the key is really this person's. */
  readonly code = signal<string | null>(null);
  /** The same, for a QR code. */
  readonly payload = signal<string | null>(null);
  /** Keys were lost here, and the person has not come back yet. */
  readonly lost = signal(false);
  /** When the person began anew after a loss: files from before need access back. */
  readonly anew = signal<number | undefined>(undefined);
  /** Whether the person is on the page: guests are once they were called in. */
  readonly present = signal(false);
  /** The secret was wrong: starting anew with new keys may be offered. */
  readonly refused = signal(false);
  readonly sights = signal<ReadonlyMap<string, Sight>>(new Map());
  readonly opened = signal<ReadonlyMap<string, Opened>>(new Map());
  /** Ids of files that were opened with the keys at hand, for the hint. */
  readonly read = signal<ReadonlySet<string>>(new Set());
  /** Others who have new keys and wait for access. */
  readonly requests = signal<Notification[]>([]);
  /** Names of the files that were brought while something else went on, as they came. */
  readonly waiting = signal<readonly (readonly string[])[]>([]);
  /** What the session can see and cannot prevent. */
  readonly warnings = signal<readonly Warning[]>([]);
  readonly receipts = signal<Receipt[]>([]);
  readonly reports = signal<ReadonlyMap<string, RevokeReport>>(new Map());
  /** How often this person did something: what it did for a group, the group's members are not told by an event. */
  readonly deeds = signal(0);
  readonly connected = computed(() => this.session.value !== null);
  readonly ready = computed(() => this.session.value !== null && !this.locked.value);

  #names = new Map<string, string>();
  #stops: (() => void)[] = [];
  #looking: Promise<void> | undefined;
  #again = false;

  constructor(
    readonly who: Who,
    /** The package, which may still be loading. */
    readonly regrant: Promise<Regrant>,
    readonly shelf: Shelf,
  ) {}

  /** After a reload: what rests in this browser connects the person again, without a password. */
  async resume(): Promise<void> {
    const note = await database.get<Note>("notes", this.who.login);
    this.present.value = !this.who.guest || note !== undefined;
    // Whoever left no note was never here: that need not wait for the package.
    if (!note) return;
    this.lost.value = note.lost;
    this.anew.value = note.anew;
    this.read.value = new Set(note.opened);
    await this.work.run("connect", "Looking for keys in this browser…", "", async () => {
      const session = await (await this.regrant).resume(this.who.login);
      if (session) await this.#begin(session);
    });
  }

  connect(password: string): Promise<boolean> {
    remember(`a password of ${this.who.short}`, password);
    return this.work.run("connect", "Deriving keys from the password…", "Connected.", async () => {
      try {
        await this.#begin(await (await this.regrant).connect({ login: this.who.login, password }));
      } catch (error) {
        this.refused.value = codeOf(error) === "ERR_WRONG_SECRET";
        throw error;
      }
    });
  }

  /** The old keys are given up: new ones, under a new password. */
  beginAnew(password: string): Promise<boolean> {
    remember(`a password of ${this.who.short}`, password);
    return this.work.run("connect", "Making new keys…", "New keys are made. Contacts were told.", async () => {
      const session = await (await this.regrant).connect({ login: this.who.login, password }, { reset: true });
      this.read.value = new Set();
      this.anew.value = session.publicKey.created;
      await this.#begin(session);
    });
  }

  disconnect(): Promise<boolean> {
    return this.work.run("device", "Disconnecting…", "Disconnected: the keys are wiped from this browser.", async () => {
      await this.session.value?.disconnect();
      this.#end();
    });
  }

  lock(): Promise<boolean> {
    return this.work.run("device", "Locking…", "Locked.", async () => {
      await this.session.value?.lock();
      this.#forget();
      this.locked.value = true;
      await this.update();
    });
  }

  unlock(password: string): Promise<boolean> {
    return this.work.run("connect", "Deriving keys from the password…", "Unlocked.", async () => {
      await this.session.value?.unlock({ password });
      this.locked.value = false;
      await this.update();
    });
  }

  /** What clearing the browser, or losing the device, does. */
  loseKeys(): Promise<boolean> {
    return this.work.run("device", "Deleting the keys from this browser…", "The keys are gone from this browser.", async () => {
      await (await this.regrant).loseKeys(this.who.login);
      this.#end();
      this.lost.value = true;
      await this.#note();
    });
  }

  /** Opens a file to show it. */
  open(kept: Kept): Promise<boolean> {
    return this.work.run(kept.id, "Decrypting…", "Opened.", async (course) => {
      const opened = await show(this.#need(), kept, course);
      await rememberFile(opened.file);
      this.close(kept.id);
      this.opened.value = new Map(this.opened.value).set(kept.id, opened);
      this.read.value = new Set(this.read.value).add(kept.id);
      await this.#note();
    });
  }

  /** Puts a file that is shown away. */
  close(id: string): void {
    const opened = new Map(this.opened.value);
    const gone = opened.get(id);
    if (!gone) return;
    URL.revokeObjectURL(gone.address);
    opened.delete(id);
    this.opened.value = opened;
  }

  /** The session, for what the page offers only to those who are connected. */
  #need(): Session {
    const session = this.session.value;
    if (!session) throw new Error(`${this.who.short} is not connected`);
    return session;
  }

  /** Does something with the session, and looks at everything anew. */
  act(place: string, doing: string, done: string, work: (session: Session, course: Course) => Promise<unknown>): Promise<boolean> {
    return this.work.run(place, doing, done, async (course) => {
      await work(this.#need(), course);
      await this.update();
      this.deeds.value++;
    });
  }

  /** Asks the package anew what this person can see. Calls made meanwhile share one more round. */
  async update(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = (async () => {
      try {
        do {
          this.#again = false;
          await this.#look();
        } while (this.#again);
      } finally {
        // In the same turn as the last look at #again: a call in between would otherwise be lost.
        this.#looking = undefined;
      }
    })();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const session = this.session.value;
    if (!session) return;
    this.locked.value = session.locked;
    this.key.value = session.publicKey;
    if (!session.locked) await this.#read(session);
    const sights = new Map<string, Sight>();
    for (const kept of this.shelf.files.value) {
      const sight = await look(session, kept, this.#names.get(kept.id));
      if (sight.state === "readable") {
        this.#names.set(kept.id, sight.name);
        remember(`the name “${sight.name}”`, sight.name);
      } else this.close(kept.id);
      sights.set(kept.id, sight);
    }
    if (this.session.value === session) this.sights.value = sights;
  }

  async #read(session: Session): Promise<void> {
    await session.refresh();
    this.code.value = await session.trust.verificationCode(this.who.login);
    this.payload.value = await session.trust.qrPayload(this.who.login);
    const pending = await session.notifications.pendingAfter(0, { type: "KEY_PAIR_UPDATE" });
    this.requests.value = pending.filter((request) => asksFor(request) !== this.who.login);
    this.warnings.value = session.warnings;
  }

  async #begin(session: Session): Promise<void> {
    this.#end();
    this.session.value = session;
    this.present.value = true;
    this.refused.value = false;
    this.lost.value = false;
    const changed = () => void this.update().catch((error) => console.warn(error));
    this.#stops = [
      session.on("changed", changed),
      session.on("granted", changed),
      session.notifications.subscribe(changed),
      session.on("warning", () => (this.warnings.value = session.warnings)),
      session.on("signedout", () => this.#end()),
    ];
    await this.#note();
    await this.update();
  }

  #end(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.session.value = null;
    this.key.value = null;
    this.code.value = null;
    this.payload.value = null;
    this.locked.value = false;
    this.refused.value = false;
    this.receipts.value = [];
    this.requests.value = [];
    this.warnings.value = [];
    this.#forget();
  }

  /** Drops what was readable. */
  #forget(): void {
    for (const id of this.opened.value.keys()) this.close(id);
    this.#names.clear();
    this.sights.value = new Map();
    this.reports.value = new Map();
  }

  async #note(): Promise<void> {
    const note = { lost: this.lost.value, anew: this.anew.value, opened: [...this.read.value] } satisfies Note;
    await database.put("notes", this.who.login, note);
  }
}
