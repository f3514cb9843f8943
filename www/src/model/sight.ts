// What one person can see of one encrypted file: asked of the package each time, never remembered by the page.
import type { Session } from "regrant";
import type { Kept } from "./shelf.js";
import { codeOf, describe, type Course, type Failure } from "./work.js";

export type Reader = Awaited<ReturnType<Session["whoCanRead"]>>[number];

export type Sight =
  | { state: "asking" }
  /** The person's keys open it. */
  | { state: "readable"; name: string; readers: Reader[] }
  /** They do not: nobody gave access, or it is gone. */
  | { state: "closed"; failure: Failure }
  | { state: "locked" };

/** A file that was opened, ready to be shown. */
export interface Opened {
  file: File;
  /** Its text, if it is one. */
  text?: string;
  /** An address of it within this page, for pictures and for saving. */
  address: string;
  author: string;
}

const TEXT = /^(text\/|application\/(json|xml))/;
/** Longer texts are cut where they are shown; saving gives all. */
const SHOWN = 4000;

/** Whether the person can read it, and who else can. */
export async function look(session: Session, kept: Kept, known: string | undefined): Promise<Sight> {
  try {
    const readers = await session.whoCanRead(kept.id);
    return { state: "readable", readers, name: known ?? (await nameOf(session, kept)) };
  } catch (error) {
    return codeOf(error) === "ERR_LOCKED" ? { state: "locked" } : { state: "closed", failure: describe(kept.id, error) };
  }
}

/** The name is known as soon as the file's beginning is: nothing else of it is asked for. */
async function nameOf(session: Session, kept: Kept): Promise<string> {
  const { name, stream } = await session.retrieve(kept.id, { range: [0, 0] });
  await stream.cancel();
  return name ?? "a file without a name";
}

/** Decrypts a file to show it, a piece after the other. */
export async function show(session: Session, kept: Kept, course: Course): Promise<Opened> {
  const { name = "file", mediaType: type = "", author, stream } = await session.retrieve(kept.id, course);
  const file = new File([await new Response(stream).blob()], name, { type });
  const text = TEXT.test(type) ? await file.slice(0, SHOWN).text() : undefined;
  return { file, address: URL.createObjectURL(file), author: author.login, ...(text === undefined ? {} : { text }) };
}
