// SHA-256 of pieces of large items, in a worker beside the thread that encrypts them: browsers hash on the thread that
// asks. The worker starts with the first large item, ends when it has had nothing to do for a while, and knows no keys: it
// sees ciphertext only. Where none can start, or while it is busy, the caller hashes by itself.

/** How many pieces wait for the worker, at most: it is to be ready with them when the caller is. */
const AHEAD = 12;
/** How many go to it in one message: each message costs as much as hashing some kilobytes. */
const TOGETHER = 4;
const IDLE_MS = 10_000;
/** How long nothing comes back from a worker that has something to do until it is taken for dead: not every death is told. */
const SILENT_MS = 30_000;

/** Whether starting one failed before: it is not tried again. */
let missing = false;
let current;

/**
 * @param {Uint8Array} bytes
 * @param {boolean} own whether their memory may be handed over
 * @returns {Promise<ArrayBuffer> | undefined} the hash; `undefined` if the worker cannot help now, and nothing was done
 */
export function hash(bytes, own) {
  if (missing) return undefined;
  current ??= start();
  if (!current?.ready || current.jobs.size >= AHEAD) return undefined;
  const whole = own && bytes.byteLength === bytes.buffer.byteLength;
  return current.run(whole ? bytes.buffer : current.copy(bytes));
}

/** A worker that is starting; `undefined` where there are none. */
function start() {
  const jobs = new Map();
  const pool = { ready: false, jobs, run, copy };
  let worker;
  let next = 0;
  let idle;
  let batch = [];
  let flushing = false;
  let silent;
  /** Pages that nobody looks at have slow timers, and messages as fast as ever. */
  const channel = new MessageChannel();
  /** Memory that came back, to be written anew: touching fresh memory costs more than hashing. */
  const spare = [];

  const end = () => {
    clearTimeout(idle);
    clearTimeout(silent);
    channel.port1.close();
    worker.terminate();
    if (current === pool) current = undefined;
  };
  const rest = () => {
    clearTimeout(idle);
    clearTimeout(silent);
    if (jobs.size === 0) idle = setTimeout(end, IDLE_MS);
    else listen(SILENT_MS, () => listen(SILENT_MS / 10, () => broken({})));
  };
  // Twice: after a page slept, its timers may come before what the worker said meanwhile.
  const listen = (ms, then) => void (silent = setTimeout(then, ms));
  const broken = (event) => {
    event.preventDefault?.();
    // What never began is missing here. What was under way fails: it is not done again elsewhere.
    if (!pool.ready) missing = true;
    end();
    for (const { reject } of jobs.values()) reject(new Error("the worker that hashed died"));
    jobs.clear();
  };
  function copy(bytes) {
    const at = spare.findIndex((buffer) => buffer.byteLength === bytes.byteLength);
    if (at < 0) return bytes.slice().buffer;
    const [buffer] = spare.splice(at, 1);
    new Uint8Array(buffer).set(bytes);
    return buffer;
  }
  function send() {
    flushing = false;
    const pieces = batch;
    batch = [];
    if (pieces.length === 0) return;
    try {
      worker.postMessage(pieces, pieces.map(({ buffer }) => buffer));
    } catch (error) {
      for (const { id } of pieces) {
        jobs.get(id)?.reject(error);
        jobs.delete(id);
      }
    }
    rest();
  }
  function run(buffer) {
    clearTimeout(idle);
    return new Promise((resolve, reject) => {
      const id = next++;
      jobs.set(id, { resolve, reject });
      batch.push({ id, buffer });
      if (batch.length >= TOGETHER) send();
      else if (!flushing) {
        flushing = true;
        channel.port2.postMessage(undefined);
      }
    });
  }

  try {
    // Bundlers recognise this expression and emit the worker, so it must stay exactly so.
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  } catch {
    missing = true;
    return undefined;
  }
  channel.port1.onmessage = send;
  worker.addEventListener("error", broken);
  worker.addEventListener("messageerror", broken);
  worker.addEventListener("message", ({ data: { begun, hashed = [] } }) => {
    if (begun) pool.ready = true;
    for (const { id, hash, buffer } of hashed) {
      const job = jobs.get(id);
      jobs.delete(id);
      if (buffer && spare.length < AHEAD) spare.push(buffer);
      if (hash) job?.resolve(hash);
      else job?.reject(new Error("the worker could not hash"));
    }
    rest();
  });
  return pool;
}
