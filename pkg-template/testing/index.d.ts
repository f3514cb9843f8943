// For the tests of applications. Names of records are those of this version's relay: `identity/LOGIN`, `grant/ID`,
// `exchange/ID`, `log/LOGIN/N`, `notification/ID` …, in JSON.
import type { KeyPair, Relay, RelayStorage, Store } from "../index.js";

/** What a thing that stopped on request rejects with. */
export class Stopped extends Error {}

/** When things stop. Given to a relay and a store, they stop together, as a page that dies does. */
export interface Faults {
  /** How many writes were begun since the last call of the three below. */
  readonly writes: number;
  readonly stopped: boolean;
  /**
   * Stops at the n-th write from now (1 is the next): that one and everything after it fails, reading too, until `goOn`.
   * With `lost`, that write takes place and only its answer is lost.
   */
  stopAt(n: number, o?: { readonly lost?: boolean }): void;
  /** Fails the n-th write from now, and nothing else. An error with the `code` `"ENOSPC"` reads as a full disk. */
  failAt(n: number, error?: Error): void;
  goOn(): void;
}
export function createFaults(): Faults;

/** Everything that a relay or a store held at some time. */
export interface RelaySnapshot {
  /** By key; `index`: the names under which a record can be found. */
  readonly records: ReadonlyMap<string, { readonly rev: number; readonly value: string; readonly index?: readonly string[] }>;
  readonly parts: ReadonlyMap<string, Uint8Array>;
  /** The number that was given last. */
  readonly counter?: number;
}

/** The acts that a relay commits on request, and what each needs to know. */
export interface Acts {
  /** Answers nothing. */
  "unavailable": Record<string, never>;
  /** Says that a user does not exist. */
  "deny-identity": { readonly login: string };
  /** Shows another relay's keys of a login: a stranger's, who registered there. */
  "swap-identity": { readonly login: string; readonly from: TestRelay };
  /** Shows what a login's record said before: older keys, slots, manifests. */
  "old-identity": { readonly login: string; readonly at: RelaySnapshot };
  /** Shows a login's record changed. */
  "alter-identity": { readonly login: string; readonly change: (record: any) => unknown };
  /** Shows records of one kind changed; `undefined` hides one. */
  "alter": { readonly kind: string; readonly change: (record: any, key: string) => unknown };
  /** Keeps what is new from a login: all of its log after so many entries. */
  "hold-back": { readonly login: string; readonly after?: number };
  /** Gives other bytes for parts of a file. */
  "alter-parts": { readonly item: string; readonly change: (bytes: Uint8Array, name: string) => Uint8Array | undefined };
  /** Gives one part of a file in place of another. */
  "swap-parts": { readonly item: string; readonly from: string; readonly to: string };
  /** Gives the parts of another file. */
  "mix-items": { readonly item: string; readonly from: string };
  /** Loses parts of a file. */
  "lose-parts": { readonly item: string; readonly names: readonly string[] };
}
export const ACTS: { readonly [act in keyof Acts]: unknown };

/** A relay in memory. Regrants that were given the same one meet there. */
export interface TestRelay extends Relay {
  readonly faults: Faults;
  /** What the rules see of what it keeps: what was planted, and what it says that is not so. */
  readonly storage: RelayStorage;
  /** The keys of all records. */
  readonly keys: readonly string[];
  /** A record's value; `undefined` if there is none. */
  read(key: string): any;
  /**
   * Puts a value in place of a record's, as an operator can; `undefined` removes it. `index`: the names under which it
   * can be found. Without, it is found by what it says (a grant by its exchange key, which has to be there), or as before.
   */
  write(key: string, value: unknown, index?: readonly string[]): void;
  /** Adds a record to a log, whose entries' keys begin with `log`. */
  append(log: string, value: unknown, index?: readonly string[]): void;
  /** The key of a login's record of a kind: `of("identity", "alice")`. */
  of(kind: string, login: string): string;
  /** The parts of a file: `head`, `hashes`, `trailer`, and chunks by their number with ten digits. */
  partNames(item: string): string[];
  part(item: string, name: string): Uint8Array | undefined;
  setPart(item: string, name: string, bytes: Uint8Array | undefined): void;
  snapshot(): RelaySnapshot;
  restore(snapshot: RelaySnapshot): void;
  /** The same relay as another program sees it: acts and faults are the view's own. Views do not wake each other. */
  view(o?: { readonly faults?: Faults }): TestRelay;
  /** Answers only after so many milliseconds. */
  delay(milliseconds: number): void;
  /** Commits an act until what it gives back is called, or `behave`. */
  misbehave<Act extends keyof Acts>(act: Act, how?: Acts[Act]): () => void;
  behave(): void;
}
export function createRelay(o?: { readonly faults?: Faults; readonly origin?: string }): TestRelay;

/** A store in memory. Private keys do not rest in it: resumed sessions are locked. */
export interface TestStore extends Store {
  readonly faults: Faults;
  readonly records: { readonly [key: string]: string };
  set(key: string, text: string | undefined): void;
  clear(): void;
  snapshot(): ReadonlyMap<string, string>;
  restore(snapshot: ReadonlyMap<string, string>): void;
}
export function createStore(o?: { readonly faults?: Faults }): TestStore;

/** The device is lost: what its store held is gone. */
export function loseDevice(store: TestStore): void;

/** The browser clears a site's data: the store, and what an embedded relay kept there. */
export function evictStorage(o: { readonly store?: TestStore; readonly relay?: TestRelay }): void;

/**
 * An item's version, with its content digest (32 bytes) and data key (32 bytes). `origin`: who owns the item and who sealed
 * that version, where that is not whoever gives it; an empty login, if they do not know.
 */
export interface ForgedItem {
  readonly id: string;
  readonly version: number;
  readonly digest: Uint8Array;
  readonly key: Uint8Array;
  readonly origin?: { readonly owner?: string; readonly sealer?: string };
}

/** Somebody who holds an identity's private keys and writes records of their own. Records are as a relay keeps them. */
export interface Forger {
  readonly keyset: any;
  readonly fingerprint: string;
  /** A keyset that follows one's own, around a key pair, chained (the default) or not. */
  nextKeyset(keyPair: KeyPair, o?: { readonly chain?: boolean }): Promise<any>;
  exchange(to: any, o?: { readonly delegator?: string; readonly commitTo?: Uint8Array; readonly id?: string; readonly key?: Uint8Array }): Promise<{ exchange: any; key: Uint8Array }>;
  wrap(exchange: any, key: Uint8Array, to: any): Promise<any>;
  openExchange(record: { readonly exchange: any; readonly wraps: readonly any[] }): Promise<Uint8Array>;
  grant(exchange: any, key: Uint8Array, items: readonly ForgedItem[], o?: { readonly notAfter?: number; readonly suite?: number }): Promise<any>;
  openGrant(grant: any, key: Uint8Array): Promise<ForgedItem[]>;
  /** The keys of an identity that is shared with this one, from a version of it as a relay keeps it. */
  openShared(own: any): Promise<{ forger: Forger; keysetKey: Uint8Array }>;
  /** A slot on this identity for a keyset. `commitTo`: another key that its box commits to. */
  slotFor(to: any, keysetKey: Uint8Array, o?: { readonly commitTo?: Uint8Array }): Promise<any>;
  manifest(before: any, slots: readonly any[], counter?: number): Promise<any>;
  /** What the identity says about a subject (`profile`, `head`), as JSON text. */
  statement(subject: string, counter: number, body: string): Promise<any>;
  /**
   * What the identity says to its own devices, as records of a relay by their keys: a head over one piece. `entries`: the
   * parts of a key, and JSON text.
   */
  head(keysetKey: Uint8Array, counter: number, entries: readonly (readonly [readonly string[], string])[]): Promise<Record<string, any>>;
  /** An answer to a request for access (as the relay's record `request/ID` has it), in the name of `login`. */
  answer(request: any, message: Uint8Array, login?: string): Promise<string>;
}
/** Somebody who holds the key pair that a login connected with; `keyset` is that pair's, from `identity/LOGIN`. */
export function forger(login: string, keyPair: KeyPair, keyset: any): Promise<Forger>;

/** Something sealed as the answer to a request for access, signed by nobody: what a relay can make by itself. */
export function sealAnswer(request: any, message: Uint8Array): Promise<string>;

/** An envelope under a data key of the caller's: what a reader who has the key can put in an item's place. */
export function sealEnvelope(o: {
  readonly id: string;
  readonly version: number;
  readonly key: Uint8Array;
  readonly data: string;
  readonly type?: string;
  readonly suite?: number;
  readonly commitTo?: Uint8Array;
}): Promise<{ bytes: Uint8Array; digest: Uint8Array }>;
