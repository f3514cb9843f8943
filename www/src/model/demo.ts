// The whole of the demo's state: two people and their guests, one relay, one shelf of encrypted files.
import { signal } from "@preact/signals";
import { Regrant } from "regrant";
import { wipe } from "./database.js";
import { Graph } from "./graph.js";
import { NotedRelay } from "./noted-relay.js";
import { Person, type Who } from "./person.js";
import { Shelf } from "./shelf.js";
import { Story } from "./story.js";

/** Keeps this page's keys and relay apart from those of other pages of the same origin. */
const NAME = "demo";

export interface Demo {
  shelf: Shelf;
  relay: NotedRelay;
  alice: Person;
  bob: Person;
  /** These two, and those who come when they are called in. */
  people: readonly Person[];
  graph: Graph;
  startOver(): Promise<void>;
}

const WHO: readonly Who[] = [
  {
    login: "alice",
    name: "Alice (patient)",
    short: "Alice",
    passwords: ["seven green umbrellas", "a new and better umbrella"],
  },
  { login: "bob", name: "Dr. Bob", short: "Dr. Bob", passwords: ["stethoscope on a hook", "another hook entirely"] },
  {
    login: "carol",
    name: "Carol (nurse)",
    short: "Carol",
    passwords: ["night shift on the ward", "early shift this time"],
    guest: true,
  },
  {
    login: "dave",
    name: "Dave (physiotherapist)",
    short: "Dave",
    passwords: ["stretch before you lift", "lift and then stretch"],
    guest: true,
  },
];

/** Opens the package and takes up what a reload left; `ready` tells when the package is, or why it never will be. */
export async function openDemo(): Promise<{ demo: Demo; story: Story; ready: Promise<unknown> }> {
  const people: Person[] = [];
  // Another tab may be starting over: then there is nothing to be asked any more.
  const look = (person: Person) => void person.update().catch((error) => console.warn(error));
  const relay = new NotedRelay(`regrant-${NAME}-relay`, () => people.forEach(look));
  const shelf = new Shelf(relay.storage);
  await Promise.all([shelf.load(), relay.load()]);
  // Loaded while the page is shown already: nobody is faster than that.
  const regrant = Regrant.open({ name: NAME, application: "regrant-demo", relay });
  // Whoever awaits it hears of it.
  regrant.catch(() => {});
  const [alice, bob, ...guests] = WHO.map((who) => new Person(who, regrant, shelf)) as [Person, Person, ...Person[]];
  people.push(alice, bob, ...guests);
  relay.during = () => people.flatMap(({ who, work }) => (work.doing.value ? [`${who.short}: ${work.doing.value}`] : [])).join(" ");
  for (const person of people) await person.resume();
  const graph = new Graph(people);
  shelf.files.subscribe(() => people.forEach(look));
  for (const person of people) {
    person.deeds.subscribe(() => people.forEach((other) => other !== person && look(other)));
  }
  const demo: Demo = {
    shelf,
    relay,
    alice,
    bob,
    people,
    graph,
    async startOver() {
      await (await regrant).close();
      await relay.delete();
      await wipe(`regrant/${NAME}/`);
      shelf.over();
      location.reload();
    },
  };
  const story = new Story(demo);
  await story.resume();
  return { demo, story, ready: regrant };
}

/** The demo once it is open, or why it could not be. */
export const opened = signal<Awaited<ReturnType<typeof openDemo>> | { failed: unknown } | null>(null);
