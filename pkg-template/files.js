// Files that the relay keeps: sending them a segment at a time, and reading any part of them.
import { assertWanted, reasonOf } from "./calls.js";
import { badInput } from "./errors.js";

/** How many bytes of a file are asked for at once. */
const READ = 2 << 20;

/** Uploads under way in this page or process: a second call for the same file begins its own. */
const here = new Set();

/**
 * Claims an upload for this call alone, among all tabs: gives what releases it and resolves once that is done (whoever
 * calls again at once is to go on with it), or `undefined` if it is taken.
 * Without Web Locks (Node, old browsers), among the calls of this page only.
 */
async function claim(id) {
  if (here.has(id)) return undefined;
  here.add(id);
  const locks = globalThis.navigator?.locks;
  if (!locks) return async () => void here.delete(id);
  let release;
  let asked;
  const held = new Promise((resolve) => (release = resolve));
  const taken = await new Promise((resolve) => {
    asked = locks.request(`regrant/upload/${id}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && held;
    });
    // Locks are refused where storage is: the page's own claim has to do then.
    asked.catch(() => resolve(true));
  });
  if (taken) {
    return async () => {
      release();
      await asked.catch(() => {});
      here.delete(id);
    };
  }
  here.delete(id);
  return undefined;
}

/** Goes on with an upload of the same file that did not end, if there is one; else begins one. */
async function begin(handle, { metadata, options, size, hashes }) {
  for (const id of await handle.call((raw) => raw.unfinished(metadata, options, size, hashes))) {
    const release = await claim(id);
    if (!release) continue;
    try {
      const upload = await handle.call((raw) => raw.resumeUpload(id, size, hashes));
      if (upload) return { upload: handle.of(upload), release, resumed: true };
    } catch (error) {
      await release();
      throw error;
    }
    await release();
  }
  const upload = handle.of(await handle.call((raw) => raw.makeUpload(metadata, options, size, hashes)));
  // Claimed before anybody can find it: two calls would send all of it twice.
  const release = await claim(upload.read((raw) => raw.id));
  try {
    await upload.call((raw) => raw.begin());
    return { upload, release, resumed: false };
  } catch (error) {
    upload.free();
    await release();
    throw error;
  }
}

/** How many files a session sends at once; a device remembers 64 that are under way. */
const AT_ONCE = 16;
/** By session: a relay that does not answer holds up nobody else. */
const queues = new WeakMap();

/** Waits until fewer are sent. Gives what lets the next one go on. */
async function turn(handle, signal) {
  if (!queues.has(handle)) queues.set(handle, { sending: 0, waiting: [] });
  const queue = queues.get(handle);
  const { waiting } = queue;
  while (queue.sending >= AT_ONCE) {
    let go;
    await new Promise((resolve) => {
      go = resolve;
      waiting.push(go);
      signal?.addEventListener("abort", go, { once: true });
    });
    signal?.removeEventListener("abort", go);
    if (signal?.aborted) {
      const at = waiting.indexOf(go);
      // Woken and not going: whoever is next is woken in its place.
      if (at < 0) waiting.shift()?.();
      else waiting.splice(at, 1);
      throw reasonOf(signal);
    }
  }
  queue.sending++;
  return () => {
    queue.sending--;
    waiting.shift()?.();
  };
}

async function slice(file, from, to) {
  try {
    return new Uint8Array(await file.slice(from, to).arrayBuffer());
  } catch (cause) {
    throw badInput("the file can no longer be read", cause);
  }
}

/** The hashes of a file's segments: it is read twice, because what it holds decides the key that it is sealed under. */
async function hashesOf(handle, file, signal) {
  const step = handle.read((raw) => raw.segmentBytes);
  const hashes = new Uint8Array(Math.ceil(file.size / step) * 32);
  for (let n = 0; n * step < file.size; n++) {
    assertWanted(signal);
    const data = await slice(file, n * step, Math.min((n + 1) * step, file.size));
    hashes.set(await handle.call((raw) => raw.hashSegment(data)), n * 32);
  }
  return hashes;
}

/**
 * Sends a file. Gives its id.
 *
 * @param {import("./calls.js").Handle} handle the session's
 * @param {Blob} file
 * @param {{ metadata: string, options: object }} how
 */
export async function send(handle, file, how, { onProgress, signal }) {
  assertWanted(signal);
  const done = await turn(handle, signal);
  try {
    return await sendNow(handle, file, how, { onProgress, signal });
  } finally {
    done();
  }
}

async function sendNow(handle, file, how, { onProgress, signal }) {
  const what = { ...how, size: file.size, hashes: await hashesOf(handle, file, signal) };
  for (;;) {
    assertWanted(signal);
    const { upload, release, resumed } = await begin(handle, what);
    let other = false;
    // Only what the core says tells of that: the caller's signal and callback may throw what they like.
    const core = (work) =>
      upload.call(work).catch((error) => {
        other = error?.code === "ERR_CONFLICT" && !error.retryable;
        throw error;
      });
    try {
      const id = upload.read((raw) => raw.id);
      await sendAll(upload, core, file, onProgress, signal);
      return { id };
    } catch (error) {
      // Of what was begun this device does not know all: it is given up, and the file begins from the start.
      if (!(resumed && other)) throw error;
      await upload.call((raw) => raw.giveUp());
    } finally {
      upload.free();
      await release();
    }
  }
}

async function sendAll(upload, core, file, onProgress, signal) {
  const next = () => upload.read((raw) => raw.next);
  onProgress?.(0, file.size);
  for (let range = next(); range; range = next()) {
    const data = await slice(file, ...range);
    assertWanted(signal);
    await core((raw) => raw.send(data));
    assertWanted(signal);
    onProgress?.(range[1], file.size);
  }
  await core((raw) => raw.finish());
}

/** The bytes that were asked for: the whole file, or `[from, to)` of it. */
function bounds(range, length) {
  if (range === undefined) return [0, length];
  const fits = Array.isArray(range) && range.length === 2 && range.every((at) => Number.isSafeInteger(at) && at >= 0);
  if (!fits || range[0] > range[1]) throw badInput("range is [from, to]: two numbers of bytes, the second not below the first");
  return range.map((at) => Math.min(at, length));
}

/**
 * A stream over a part of a file, which the relay is asked for as it is read.
 *
 * @param {import("./calls.js").Handle} stored
 */
export function read(stored, about, { range, onProgress, signal }) {
  const [from, to] = bounds(range, about.length);
  const { chunkSize } = about;
  const atOnce = Math.max(1, Math.floor(READ / chunkSize));
  let at = from;
  let aborted;
  const stream = new ReadableStream(
    {
      start(controller) {
        aborted = () => (controller.error(reasonOf(signal)), end());
        if (signal?.aborted) aborted();
        else signal?.addEventListener("abort", aborted, { once: true });
      },
      async pull(controller) {
        try {
          if (at < to) {
            const first = Math.floor(at / chunkSize);
            const count = Math.min(atOnce, Math.ceil(to / chunkSize) - first);
            const chunks = await stored.call((raw) => raw.read(first + 1, count));
            if (signal?.aborted) return;
            for (const [i, plain] of chunks.entries()) {
              const begin = (first + i) * chunkSize;
              const part = plain.subarray(Math.max(at - begin, 0), Math.min(to - begin, plain.length));
              if (part.length > 0) controller.enqueue(part);
              at = Math.min(begin + plain.length, to);
            }
          } else {
            // The last chunk says that it is the last: also an empty file has one.
            if (about.length === 0) await stored.call((raw) => raw.read(1, 1));
            if (signal?.aborted) return;
          }
          onProgress?.(at - from, to - from);
        } catch (error) {
          end();
          throw error;
        }
        if (at >= to) {
          end();
          controller.close();
        }
      },
      cancel() {
        end();
      },
    },
    { highWaterMark: 0 },
  );
  function end() {
    signal?.removeEventListener("abort", aborted);
    stored.free();
  }
  return stream;
}
