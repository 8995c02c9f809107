// Service worker: keeps the assets, whose names carry their hash. The index document comes from the site, unless
// the server set KEEPS_INDEX, in a line before this one.
'use strict';
const CACHE = 'assets';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url);
  const is_kept = pathname.startsWith('/assets/') || (KEEPS_INDEX && pathname === '/');
  if (event.request.method === 'GET' && is_kept) event.respondWith(kept(event.request));
});

async function kept(request) {
  const cache = await caches.open(CACHE);
  const hit = await cache.match(request);
  if (hit) return hit;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

self.addEventListener('message', (event) => {
  event.ports[0].postMessage({
    user_agent: self.navigator.userAgent,
    brands: self.navigator.userAgentData?.brands ?? [],
  });
});
