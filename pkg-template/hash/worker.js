// The worker that hashes: `{ begun }` once it runs; then pieces in, and `{ hashed }` out, with their memory: left here, it
// would pile up until this thread collects garbage, which it seldom has reason to.
addEventListener("message", async ({ data: pieces }) => {
  const one = async ({ id, buffer }) => {
    const hash = await crypto.subtle.digest("SHA-256", buffer).catch(() => undefined);
    return { id, hash, buffer };
  };
  const hashed = await Promise.all(pieces.map(one));
  postMessage({ hashed }, hashed.map(({ buffer }) => buffer));
});
postMessage({ begun: true });
