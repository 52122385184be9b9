// Keeps the shell of the officer's page, so that it opens without a network. Data is never cached here: old data would look live.
const SHELL = "terminal-shell-3";
const FILES = ["/terminal", "/terminal/terminal.js", "/terminal/terminal.css", "/terminal/icon.svg", "/terminal/icon-192.png",
  "/terminal/icon-512.png", "/terminal/icon-full-512.png", "/terminal/manifest.webmanifest"];
// An update is seen at once on a good network; on a bad one the page must open all the same.
const PATIENCE_MS = 2500;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((n) => n !== SHELL).map((n) => caches.delete(n))));
  event.waitUntil(old.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.method !== "GET" || !FILES.includes(path)) return;
  const fresh = fetch(event.request).then(async (answer) => {
    if (answer.ok && !answer.redirected) {
      const cache = await caches.open(SHELL);
      await cache.put(path, answer.clone());
    }
    return answer;
  });
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS)).then(() => caches.match(path));
  const either = Promise.race([fresh, patience.then((kept) => kept ?? fresh)]).catch(async (error) => {
    const kept = await caches.match(path);
    if (kept) return kept;
    throw error;
  });
  event.respondWith(either);
  event.waitUntil(fresh.catch(() => undefined));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.matchAll({ type: "window" }).then((pages) => (pages[0] ? pages[0].focus() : self.clients.openWindow("/terminal"))));
});
