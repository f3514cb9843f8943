// Does the story in the page, and in each kind of worker: `places[kind]()` gives what came of it.
import { told } from "./story.js";

const outcome = (target, worker) =>
  new Promise((done) => {
    target.addEventListener("message", ({ data }) => done(data));
    worker?.addEventListener("error", ({ message }) => done({ error: `the worker did not start: ${message}` }));
  });

globalThis.places = {
  page: () => told("page"),
  "dedicated worker"() {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    return outcome(worker, worker);
  },
  "shared worker"() {
    const worker = new SharedWorker(new URL("./shared-worker.js", import.meta.url), { type: "module" });
    worker.port.start();
    return outcome(worker.port, worker);
  },
  async "service worker"() {
    // An address that bundlers leave alone: the file is built by itself.
    await navigator.serviceWorker.register("/service-worker.js");
    const { active } = await navigator.serviceWorker.ready;
    const heard = outcome(navigator.serviceWorker);
    navigator.serviceWorker.startMessages();
    active.postMessage("begin");
    return heard;
  },
};
