// Keeps the shell of the officer's page, so that it opens without a network. Data is never cached: old data would look live.
const SHELL = "terminal-shell-1";
const FILES = ["/terminal", "/terminal/terminal.js", "/terminal/terminal.css", "/terminal/icon.svg", "/terminal/manifest.webmanifest"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((n) => n !== SHELL).map((n) => caches.delete(n))));
  event.waitUntil(old.then(() => self.clients.claim()));
});

// The network first, so that an update is seen at once; the kept shell when there is none.
self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.method !== "GET" || !FILES.includes(path)) return;
  const fresh = fetch(event.request).then((answer) => {
    if (answer.ok && !answer.redirected) {
      const copy = answer.clone();
      caches.open(SHELL).then((cache) => cache.put(path, copy));
    }
    return answer;
  });
  event.respondWith(fresh.catch(() => caches.match(path)));
});
