// Turns of the event loop. Long work that waits for nothing lets others go on in between: timers, aborts, clicks.

/** How long work goes on by itself. */
const WORK_MS = 10;

/** When the last turn began, as far as is known: what waited for something meanwhile had turns that are not seen here. */
let since = 0;
/** Who waits for a turn. Each has one of its own: together they would be long work again. */
const waiting = [];

/**
 * Asked again and again by long work.
 *
 * @returns {Promise<void> | undefined} to be awaited; `undefined` if it may go on
 */
export function turn() {
  if (performance.now() - since < WORK_MS) return undefined;
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) soon(next);
  });
}

function next() {
  since = performance.now();
  waiting.shift()();
  if (waiting.length > 0) soon(next);
}

/**
 * By a message: timers of nested work are slowed down, those of a page that nobody looks at, too, and `scheduler.yield` lets
 * no timer go first. By a channel of its own each time: Node reads all that is in one before anything else has a turn,
 * and ends while none is open.
 */
function soon(work) {
  if (typeof MessageChannel !== "function") return void setTimeout(work, 0);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    work();
  };
  port2.postMessage(undefined);
}
