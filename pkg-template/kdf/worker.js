// The worker that derives a password's secrets: one message in, `{ begun }` and then the outcome out.
import { toMessage } from "../errors.js";
import init, { deriveSecrets } from "../wasm/regrant.js";

addEventListener("message", async ({ data: { module, request } }) => {
  try {
    await init({ module_or_path: module });
  } catch {
    postMessage({});
    return;
  }
  postMessage({ begun: true });
  try {
    postMessage({ secrets: deriveSecrets(...request) });
  } catch (error) {
    postMessage(error?.regrant ? { error: toMessage(error) } : {});
  }
});
