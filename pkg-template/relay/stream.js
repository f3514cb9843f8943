// One connection to what a relay tells of a login's changes: server-sent events over `fetch`, because those of browsers
// send no token; or, where something in between holds them back, one question after the other.
import { QUIET, json } from "./requests.js";
import { Deadline, pause } from "./waiting.js";

/** A relay writes at least a comment every fifteen seconds: later nothing comes any more. */
const SILENCE_MS = 45_000;
/** What is not through by then is held back by something in between. */
const FIRST_BYTE_MS = 10_000;
/** How long a relay waits with its answer, in seconds; and what the way takes besides, in milliseconds. */
const WAIT_S = 25;
const ON_THE_WAY_MS = 15_000;
/** Whoever answers at once that there is nothing new is not asked without a pause. */
const BETWEEN_MS = 1_000;

/** The relay answered, and tells this session nothing. */
export class Refused extends Error {
  constructor(status) {
    super(`the relay answers ${status}`);
    this.status = status;
  }
}
/** Nothing came through although the relay answered: the next connection asks instead. */
export class HeldBack extends Error {}

/**
 * Listens until the relay ends it, or it fails.
 *
 * @param {{ base: string, fetch: typeof fetch, token: string, signal: AbortSignal, silence?: number, firstByte?: number }} o
 * @param {(head: number | undefined) => void} hear is called with how far the log goes, and with nothing for a sign of life
 */
export async function stream({ base, fetch, token, signal, silence = SILENCE_MS, firstByte = FIRST_BYTE_MS }, hear) {
  const deadline = new Deadline(firstByte, signal);
  let begun = false;
  try {
    const response = await open(fetch, `${base}/changes`, token, "text/event-stream", deadline.signal);
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) throw new HeldBack();
    const decoder = new TextDecoder();
    let text = "";
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      begun = true;
      deadline.extend(silence);
      const events = (text + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
      text = events.pop();
      for (const event of events) hear(headOf(event));
    }
  } catch (error) {
    // What never began, although there was time enough, is held back.
    if (deadline.signal.aborted && !signal.aborted && !begun) throw new HeldBack();
    throw error;
  } finally {
    deadline.end();
  }
}

/** How far the log goes, as an event says; a comment says nothing. */
function headOf(event) {
  const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
  return numberOf(data);
}

const numberOf = (text) => {
  const head = json(new TextEncoder().encode(text))?.head;
  return Number.isSafeInteger(head) ? head : undefined;
};

/** Asks again and again what `stream` would be told. */
export async function poll(o, hear) {
  for (let head = o.after; ; ) {
    // Without a place to go on from, the relay answers at once.
    const now = await ask({ ...o, after: head ?? 0 }, head === undefined ? 0 : WAIT_S);
    if (head === now) await pause(BETWEEN_MS, o.signal);
    hear((head = now));
  }
}

/** Asks once, and waits for nothing. */
export const look = async (o, hear) => hear(await ask(o, 0));

async function ask({ base, fetch, token, signal, after = 0 }, wait) {
  const deadline = new Deadline(wait * 1000 + ON_THE_WAY_MS, signal);
  try {
    const response = await open(fetch, `${base}/changes?after=${after}&wait=${wait}`, token, "application/json", deadline.signal);
    const head = numberOf(await response.text());
    if (head === undefined) throw new Refused(response.status);
    return head;
  } finally {
    deadline.end();
  }
}

async function open(fetch, url, token, accept, signal) {
  const response = await fetch(url, { ...QUIET, headers: { accept, authorization: `Bearer ${token}` }, signal });
  if (response.ok && response.body) return response;
  await response.body?.cancel();
  throw new Refused(response.status);
}
