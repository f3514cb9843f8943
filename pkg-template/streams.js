// Encrypting and decrypting as bytes come: a transform whose work the core does, one piece after the other.
import * as bytes from "./bytes.js";
import { badInput } from "./errors.js";

/** What comes in: a `Uint8Array`, or an `ArrayBuffer`. One that was transferred elsewhere is not taken for an empty one. */
function piece(chunk) {
  try {
    return view(chunk);
  } catch (cause) {
    throw cause instanceof TypeError ? badInput("a chunk was transferred elsewhere before it was taken: await write()", cause) : cause;
  }
}

function view(chunk) {
  if (bytes.isUint8Array(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (bytes.isArrayBuffer(chunk)) return new Uint8Array(chunk);
  throw badInput("a stream here takes Uint8Arrays");
}

/**
 * A transform stream over the core. `TransformStream` itself does not tell in every browser that its other end was
 * given up; these two ends do, and wait for whoever reads.
 */
export class CoreTransform extends TransformStream {
  #readable;
  #writable;

  /**
   * @param {object} work
   * @param {() => Promise<Uint8Array[]>} [work.begin] what is given out first
   * @param {(data: Uint8Array, length: number) => Promise<Uint8Array[]>} work.push
   * @param {() => AsyncIterable<Uint8Array>} work.finish
   * @param {(reason: unknown) => void} work.ended called once, when nothing more will come: with the error, if it is one
   */
  constructor({ begin, push, finish, ended }) {
    super();
    let out;
    let into;
    let wanted = () => {};
    let over = false;
    const end = (reason) => {
      if (over) return;
      over = true;
      wanted();
      ended(reason);
    };
    const room = async () => {
      while (!over && !(out.desiredSize > 0)) await new Promise((resolve) => (wanted = resolve));
    };
    const give = async (pieces) => {
      for (const bytes of pieces) {
        if (over) return;
        out.enqueue(bytes);
      }
      await room();
    };
    const failing = async (work) => {
      try {
        return await work();
      } catch (error) {
        if (!over) out.error(error);
        end(error);
        throw error;
      }
    };
    this.#readable = new ReadableStream({
      start(controller) {
        out = controller;
      },
      pull() {
        wanted();
      },
      cancel(reason) {
        into.error(reason);
        end(reason);
      },
    });
    this.#writable = new WritableStream({
      start(controller) {
        into = controller;
        // Not given back: whoever writes need not wait for it.
        if (begin) for (const bytes of begin()) out.enqueue(bytes);
      },
      write: (chunk) =>
        failing(async () => {
          const data = piece(chunk);
          await give(await push(data, data.length));
        }),
      close: () =>
        failing(async () => {
          for await (const bytes of finish()) await give([bytes]);
          if (!over) out.close();
          end();
        }),
      abort(reason) {
        if (!over) out.error(reason);
        end(reason);
      },
    });
  }

  get readable() {
    return this.#readable;
  }

  get writable() {
    return this.#writable;
  }
}

/** A transform from data to its envelope. `handle` is the core's. */
export const sealing = (handle, head) =>
  new CoreTransform({
    begin: () => [head],
    push: (data, length) => handle.call((raw) => raw.push(data, length)),
    async *finish() {
      for (;;) {
        const padding = await handle.call((raw) => raw.pad());
        if (padding === undefined) break;
        yield padding;
      }
      yield* await handle.call((raw) => raw.finish());
    },
    ended: () => handle.free(),
  });

/** A transform from an envelope to its data. `done` and `failed` settle what is known at the end. */
export const opening = (handle, done, failed) =>
  new CoreTransform({
    push: (sealed, length) => handle.call((raw) => raw.push(sealed, length)),
    async *finish() {
      const last = await handle.call((raw) => raw.finish());
      if (last.data.length > 0) yield last.data;
      done(last);
    },
    ended: (reason) => {
      handle.free();
      failed(reason);
    },
  });
