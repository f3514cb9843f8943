// The sharing graph as one person sees it: who is there, in which versions of keys, and who can act for whom. Asked of
// the package after everything that anybody did; nothing of it is remembered by the page.
import { computed, effect, signal } from "@preact/signals";
import type { Session, TrustState } from "regrant";
import type { Person } from "./person.js";
import { codeOf } from "./work.js";

/** What the package says of one identity. */
export interface Fact {
  login: string;
  name: string;
  kind: string;
  /** The version of its newest keys. */
  version: number;
  trust: TrustState | "oneself";
  /** Who is in its sharing group; `null` where the package does not show that to the viewer. */
  members: string[] | null;
  /** The identities in whose sharing groups it is, as far as the viewer sees them. */
  groups: string[];
}

/** The last exclusion, to be shown at its group. */
export interface Exclusion {
  group: string;
  excluded: string;
  before: number;
  after: number;
}

export class Graph {
  readonly facts = signal<Fact[]>([]);
  readonly groups = computed(() => this.facts.value.filter(({ kind }) => kind === "group"));
  /** What happened last to a group, or to somebody's keys: read out by screen readers. */
  readonly happened = signal("");
  readonly exclusion = signal<Exclusion | null>(null);
  /** Who was chosen to look and act; whoever is there does where that person is not. */
  readonly chosen = signal<string | null>(null);
  readonly viewer = computed(() => {
    const ready = this.people.filter((person) => person.ready.value);
    return ready.find(({ who }) => who.login === this.chosen.value) ?? ready[0] ?? null;
  });
  /** The file whose readers are explained; none, if it is the newest that the viewer can read. */
  readonly file = signal<string | null>(null);

  #looking: Promise<void> | undefined;
  #again = false;

  constructor(readonly people: readonly Person[]) {
    // Whatever somebody sees anew is a reason to look again.
    effect(() => {
      for (const person of people) void [person.sights.value, person.key.value];
      void this.viewer.value;
      void this.refresh();
    });
  }

  /** How the page calls a login. */
  nameOf(login: string): string {
    const person = this.people.find(({ who }) => who.login === login);
    return person?.who.short ?? this.fact(login)?.name ?? login;
  }

  fact(login: string): Fact | undefined {
    return this.facts.value.find((fact) => fact.login === login);
  }

  /** Looks anew. Calls made meanwhile share one more round. */
  refresh(): Promise<void> {
    this.#again = true;
    this.#looking ??= (async () => {
      while (this.#again) {
        this.#again = false;
        await this.#look();
      }
      this.#looking = undefined;
    })();
    return this.#looking;
  }

  async #look(): Promise<void> {
    const viewer = this.viewer.peek();
    const session = viewer?.session.peek();
    if (!viewer || !session) {
      this.facts.value = [];
      return;
    }
    try {
      const facts = await read(session, this.people);
      if (this.viewer.peek() === viewer) this.facts.value = facts;
    } catch (error) {
      // Locked or disconnected meanwhile: there is another round, without this person.
      if (codeOf(error) !== "ERR_LOCKED" && codeOf(error) !== "ERR_NOT_CONNECTED") console.warn(error);
    }
  }
}

async function read(session: Session, people: readonly Person[]): Promise<Fact[]> {
  const facts: Fact[] = [];
  let cursor: string | undefined;
  do {
    const page = await session.identities.list(cursor === undefined ? {} : { cursor });
    for (const { login, name, kind, version, trust } of page.items) {
      const person = people.find(({ who }) => who.login === login);
      const self = login === session.login;
      facts.push({
        login,
        name: person?.who.short ?? name ?? login,
        kind,
        version,
        trust: self ? "oneself" : trust,
        members: await members(session, login),
        groups: [],
      });
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  for (const fact of facts) {
    fact.groups = facts.filter(({ login, members }) => login !== fact.login && members?.includes(fact.login)).map(({ login }) => login);
  }
  return facts;
}

/** Who can act for an identity, as far as the viewer may know. */
async function members(session: Session, login: string): Promise<string[] | null> {
  try {
    return (await session.identities.getSharingGroup(login)).map((link) => link.login).filter((member) => member !== login);
  } catch (error) {
    if (codeOf(error) === "ERR_FORBIDDEN") return null;
    throw error;
  }
}
