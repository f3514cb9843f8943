// When a session says what no call waits for: openings for the access log, and what one's other devices are to know. Soon
// after something is due, and then at most once in ten seconds; at once when the page is hidden, which may be its end.
// `close` says what is left.

/** So much may come together before it is said. */
const SOON_MS = 100;
const APART_MS = 10_000;

/** @param {import("./calls.js").Handle} handle of a session */
export function inBackground(handle) {
  let timer;
  let last = -APART_MS;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    last = performance.now();
    if (typeof document === "object") document.removeEventListener("visibilitychange", hidden);
    // What cannot be said now is no error of anything that was called.
    handle.call((raw) => raw.flush()).catch(() => {});
  };
  const hidden = () => {
    if (document.visibilityState === "hidden") flush();
  };
  handle.read((raw) =>
    raw.inBackground(() => {
      timer = setTimeout(flush, Math.max(SOON_MS, last + APART_MS - performance.now()));
      // Whatever waits here keeps no process alive.
      timer.unref?.();
      if (typeof document === "object") document.addEventListener("visibilitychange", hidden);
    }),
  );
}
