// What people do with files and with each other's access. Every outcome is the package's.
import type { Notification, Session } from "regrant";
import { asksFor, type Person } from "./person.js";
import { rememberFile } from "./known.js";
import type { Kept } from "./shelf.js";
import type { Course } from "./work.js";

/** Larger ones fit too, but this page would have to hold them to show them. */
const MAX_BYTES = 2 ** 30;

/**
 * Encrypts files in this page, a piece after the other; the relay keeps the encrypted bytes. Those that are dropped or
 * chosen while something else goes on wait for their turn: nobody could be told in time that they should come later.
 */
export async function addFiles(person: Person, files: readonly File[]): Promise<boolean> {
  const names = files.map(({ name }) => name);
  person.waiting.value = [...person.waiting.value, names];
  while (person.work.doing.value !== null) await person.work.ended();
  person.waiting.value = person.waiting.value.filter((others) => others !== names);
  if (!person.ready.value) return person.work.fail("connect", `not encrypted, because the keys are not at hand any more: ${names.join(", ")}`);
  const done = files.length === 1 ? "Encrypted in this page." : `${files.length} files encrypted in this page.`;
  return person.act("add", "Encrypting…", done, async (session, course) => {
    const large = files.find(({ size }) => size > MAX_BYTES);
    if (large) throw new Error(`${large.name} is larger than the gigabyte that this page takes`);
    for (const file of files) await seal(session, person, file, [], course);
  });
}

/** Encrypts one file for others, too, and resolves with its id. */
export async function encryptFor(person: Person, file: File, shareWith: readonly string[]): Promise<string> {
  let id = "";
  const done = await person.act("add", "Encrypting…", "Encrypted in this page.", async (session, course) => {
    id = await seal(session, person, file, shareWith, course);
  });
  if (!done) throw Object.assign(new Error(person.work.failure.value?.message), { code: person.work.failure.value?.code });
  return id;
}

/** Encrypts one file as part of something else, and resolves with its id. */
export function encrypt(person: Person, file: File, shareWith: readonly string[]): Promise<string> {
  const session = person.session.value;
  if (!session) throw new Error(`${person.who.short} is not connected`);
  return seal(session, person, file, shareWith);
}

async function seal(session: Session, person: Person, file: File, shareWith: readonly string[], course?: Course): Promise<string> {
  await rememberFile(file);
  const { id } = await session.store(file, { shareWith, ...course });
  await person.shelf.keep({ id, owner: person.who.login, size: file.size, added: Date.now() });
  return id;
}

/** A small text file, for those who have none at hand. */
export function sampleFile(person: Person): File {
  const day = new Date().toISOString().slice(0, 10);
  const text = [
    `Blood pressure, kept by ${person.who.short}`,
    "",
    `${day}  morning  128/82`,
    `${day}  evening  121/79`,
    "",
    "Nobody but those it is shared with can read this.",
    "",
  ].join("\n");
  return new File([text], "blood-pressure.txt", { type: "text/plain" });
}

/** A person or a group that files can be shared with. */
export interface Party {
  login: string;
  name: string;
}

export function share(person: Person, kept: Kept, { login, name }: Party): Promise<boolean> {
  return person.act(kept.id, `Giving ${name} access…`, `Shared with ${name}.`, async (session) => {
    await session.giveAccess([kept.id], login);
  });
}

/** What taking access away would do, without doing it. */
export function previewRevoke(person: Person, kept: Kept, { login }: Party): Promise<boolean> {
  return person.act(kept.id, "Asking what this would do…", "", async (session) => {
    const report = await session.revoke([kept.id], login, { dryRun: true });
    person.reports.value = new Map(person.reports.value).set(kept.id, report);
  });
}

export function forgetReport(person: Person, id: string): void {
  const reports = new Map(person.reports.value);
  reports.delete(id);
  person.reports.value = reports;
}

export function revoke(person: Person, kept: Kept, { login, name }: Party): Promise<boolean> {
  const done = `${name} no longer has access.`;
  return person.act(kept.id, `Taking access away from ${name}…`, done, async (session) => {
    await session.revoke([kept.id], login);
    forgetReport(person, kept.id);
  });
}

/** Gives access back to the key that asks, if the code proves that it is the person's. */
export function giveBack(person: Person, request: Notification, code: string): Promise<boolean> {
  const { dataOwnerConcernedId: login, dataOwnerConcernedPubKey: key } = request.properties;
  return person.act(request.id, "Checking the code, giving access back…", "Access was given back.", async (session) => {
    const receipt = await session.giveAccessBackTo(login, key, { verificationCode: code });
    person.receipts.value = [receipt, ...person.receipts.value];
    await cancel(session, person, login, request.id);
  });
}

/** The newest request of each person: who lost keys twice asks for the newest ones only. */
export function newestRequests(person: Person): Notification[] {
  const newest = new Map<string, Notification>();
  for (const request of person.requests.value) {
    const known = newest.get(asksFor(request));
    if (!known || known.created <= request.created) newest.set(asksFor(request), request);
  }
  return [...newest.values()];
}

/** Gives nothing back, and stops asking. */
export function dismiss(person: Person, request: Notification): Promise<boolean> {
  return person.act(request.id, "Dismissing…", "Dismissed: nothing was given.", (session) =>
    cancel(session, person, asksFor(request)),
  );
}

/** Cancels what a person asked for, but for one that was answered. */
async function cancel(session: Session, person: Person, login: string, answered?: string): Promise<void> {
  for (const request of person.requests.value) {
    if (asksFor(request) === login && request.id !== answered) await session.notifications.setStatus(request.id, "cancelled");
  }
}
