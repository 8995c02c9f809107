// First script of the page: decides whether the site knows this browser, then loads the rest in stages.
'use strict';
(async () => {
  const config = JSON.parse(document.getElementById('page-config').textContent);

  const self_portrait = () => ({
    user_agent: navigator.userAgent,
    brands: navigator.userAgentData?.brands ?? [],
  });

  async function tell(where, portrait) {
    const answer = await fetch('/seen', { method: 'POST', body: JSON.stringify({ where, ...portrait }) });
    return (await answer.json()).refused;
  }

  // The worker tells by itself, with its own headers; its answer is whether it was refused.
  function ask_worker() {
    return new Promise((resolve) => {
      const worker = new Worker(config.worker);
      worker.onmessage = (event) => {
        worker.terminate();
        resolve(event.data);
      };
      worker.onerror = () => resolve(false);
    });
  }

  // A browser whose service workers are blocked never has one that is ready; it is not refused for that.
  const SERVICE_WORKER_WITHIN_MS = 2000;

  async function ask_service_worker() {
    const late = new Promise((resolve) => setTimeout(resolve, SERVICE_WORKER_WITHIN_MS));
    const registration = await Promise.race([navigator.serviceWorker.ready, late]);
    if (!registration) return false;
    const { active } = registration;
    const channel = new MessageChannel();
    const portrait = new Promise((resolve) => (channel.port1.onmessage = (event) => resolve(event.data)));
    active.postMessage('portrait', [channel.port2]);
    return tell('service_worker', await portrait);
  }

  async function is_refused() {
    const checks = [tell('page', self_portrait()), ask_worker()];
    if (navigator.serviceWorker) checks.push(ask_service_worker());
    return (await Promise.all(checks)).includes(true);
  }

  function show_unsupported() {
    document.body.replaceChildren();
    const box = document.createElement('div');
    box.id = 'unsupported';
    box.append(Object.assign(document.createElement('h1'), { textContent: 'WhatsApp works with newer browsers' }));
    document.body.append(box);
  }

  function load(src) {
    return new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement('script'), { src, async: false });
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${src} did not load`));
      document.head.append(script);
    });
  }

  const until = (at) => new Promise((resolve) => setTimeout(resolve, Math.max(0, at - performance.now())));

  navigator.serviceWorker?.register('/sw.js').catch((error) => console.warn('service worker', error));
  // A site that lets everybody in looks later, when the page has time for it.
  if (config.refuse_headless && (await is_refused())) return show_unsupported();

  for (const href of config.scripts) {
    document.head.append(Object.assign(document.createElement('link'), { rel: 'preload', as: 'script', href }));
  }
  // Modules register progressively: no script runs before its share of the boot time has passed.
  for (const [place, src] of config.scripts.entries()) {
    await until((config.boot_ms * place) / config.scripts.length);
    await load(src);
  }
  await until(config.boot_ms);
  JSON.parse(document.getElementById('page-data').textContent);
  window.require('StandInApp').start();
  if (!config.refuse_headless) requestIdleCallback(() => is_refused().catch(() => {}));
})();
