// What people do with groups. Every outcome is the package's; this says in words what was done.
import type { Fact, Graph } from "./graph.js";
import type { Person } from "./person.js";
import { encrypt } from "./sharing.js";
import { codeOf } from "./work.js";

/** Does something as a person, has everybody look anew, and tells what happened. */
async function change(graph: Graph, person: Person, place: string, doing: string, work: () => Promise<string>): Promise<boolean> {
  let happened = "";
  graph.happened.value = "";
  const done = await person.act(place, doing, "", async () => {
    happened = await work().catch((error) => {
      throw inWords(graph, person, place, error);
    });
  });
  if (!done) return false;
  await Promise.all(graph.people.filter((other) => other.ready.value).map((other) => other.update()));
  await graph.refresh();
  graph.happened.value = happened;
  return true;
}

/** What the package refuses for a reason that this page can name better: the same code, with what to do. */
function inWords(graph: Graph, person: Person, place: string, error: unknown): unknown {
  const name = person.who.short;
  const words: Record<string, string> = {
    ERR_FORBIDDEN: `${name} is not in ${graph.nameOf(place)}: only its members can do this, and members of groups that are in it`,
    ERR_LOCKED: `the password is needed for this once more: press “Lock” in the panel of ${name}, and unlock`,
  };
  const message = words[codeOf(error) ?? ""];
  return message === undefined ? error : Object.assign(new Error(message, { cause: error }), { code: codeOf(error) });
}

/** The identities of a person's session. */
function identitiesOf(person: Person) {
  const session = person.session.value;
  if (!session) throw new Error(`${person.who.short} is not connected`);
  return session.identities;
}

export function createGroup(graph: Graph, person: Person, name: string, login: string, members: readonly string[]): Promise<boolean> {
  return change(graph, person, "create-group", `Making keys for ${name}…`, async () => {
    if (members.length === 0) throw new Error("a group needs at least one member: nobody else could open what it is given");
    await identitiesOf(person).create({ login, name, kind: "group" }, { sharingGroup: members });
    return `${person.who.short} created ${name}. Its members: ${list(members.map((member) => graph.nameOf(member)))}.`;
  });
}

export function addMember(graph: Graph, person: Person, group: Fact, login: string): Promise<boolean> {
  const name = graph.nameOf(login);
  return change(graph, person, group.login, `Adding ${name}…`, async () => {
    await identitiesOf(person).extendSharingGroup(group.login, [login]);
    return `${person.who.short} added ${name} to ${group.name}: what it was given before can be read by ${name}, too.`;
  });
}

export function exclude(graph: Graph, person: Person, group: Fact, login: string): Promise<boolean> {
  const name = graph.nameOf(login);
  return change(graph, person, group.login, `Excluding ${name}, and renewing the keys of ${group.name}…`, async () => {
    const identities = identitiesOf(person);
    const remain = (await identities.getSharingGroup(group.login)).map((link) => link.login).filter((member) => member !== login);
    await identities.replaceSharingGroup(group.login, remain);
    const { version } = await identities.get(group.login);
    graph.exclusion.value = { group: group.login, excluded: login, before: group.version, after: version };
    return `${person.who.short} excluded ${name} from ${group.name}. Its keys went from version ${group.version} to version ${version}.`;
  });
}

export function renewGroup(graph: Graph, person: Person, group: Fact): Promise<boolean> {
  return change(graph, person, group.login, `Renewing the keys of ${group.name}…`, async () => {
    const identities = identitiesOf(person);
    await identities.renewKeys(group.login);
    const { version } = await identities.get(group.login);
    return `${person.who.short} renewed the keys of ${group.name}: they are version ${version} now.`;
  });
}

export function renewOwn(graph: Graph, person: Person): Promise<boolean> {
  return change(graph, person, "device", "Renewing the keys…", async () => {
    await identitiesOf(person).renewKeys();
    return `${person.who.short} has new keys. The old ones still open what there was.`;
  });
}

/** Encrypts a note for a group with its present keys: what is made after an exclusion is closed to the excluded. */
export function writeNote(graph: Graph, person: Person, group: Fact): Promise<boolean> {
  const name = `note-for-${group.login}-v${group.version}.txt`;
  return change(graph, person, group.login, `Encrypting a note for ${group.name}…`, async () => {
    const text = `A note by ${person.who.short} for ${group.name}, under version ${group.version} of its keys.\n`;
    graph.file.value = await encrypt(person, new File([text], name, { type: "text/plain" }), [group.login]);
    return `${person.who.short} encrypted ${name} for ${group.name}.`;
  });
}

export const list = (names: readonly string[]) => new Intl.ListFormat("en").format(names);

/** A login made of a name: small letters, digits and hyphens. */
export const loginFor = (name: string) =>
  name.trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
