// The page's service worker: keeps what was built, so that the page opens without a network once it was loaded. The build
// puts VERSION and FILES in front (vite.config.js). It sees addresses of this page's own files, and nothing else.
/* global VERSION, FILES */

const NAME = `regrant-demo-page-${VERSION}`;

self.addEventListener("install", (event) => event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES))));

self.addEventListener("activate", (event) =>
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name.startsWith("regrant-demo-page-") && name !== NAME);
      await Promise.all(old.map((name) => caches.delete(name)));
      await self.clients.claim();
    })(),
  ),
);

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  event.respondWith(request.mode === "navigate" ? page(request) : file(request));
});

/** The page itself from the network, so that a new version is seen at once; what is kept, where there is none. */
async function page(request) {
  try {
    return await fetch(request);
  } catch (offline) {
    const kept = await caches.match("./");
    if (!kept) throw offline;
    return kept;
  }
}

/** Built files never change under one name: what is kept comes first. */
async function file(request) {
  return (await caches.match(request, { ignoreSearch: true })) ?? fetch(request);
}
