// All that linkpool knows about WhatsApp Web. Reads and watches, decides nothing.
//
// `watchWhatsApp(report, overrides)` is called at document start of every page of a slot, and again when a
// restarted pool attaches. Facts go out through report(kind, detail); the kinds are listed in facts.py.
// Rule: subscribe first, then read, so that nothing that happened in between is missed.
(report, overrides) => {
  'use strict';

  const LOOK_EVERY_MS = 25; // modules register one after another for about a second; there is no event
  const DEBUG_LATE_MS = 1000; // after load, when a version does not set window.Debug
  const NUMBER_EVERY_MS = 50; // the own number appears without an event
  const LEVEL_EVERY_MS = 2000; // a second look at what events have told, should one be missed
  const FOREIGN_PAGE_MS = 8000; // loaded, and still no module system: not WhatsApp Web as we know it
  const REF_FROM_MODULES_MS = 1500; // the page displays its QR sooner than this, if it does at all

  const stops = [];
  let disposed = false;
  const every = (milliseconds, look) => {
    const timer = setInterval(look, milliseconds);
    const stop = () => clearInterval(timer);
    stops.push(stop);
    return stop;
  };
  const listen = (target, event, handler) => {
    target.on(event, handler);
    stops.push(() => target.off?.(event, handler));
  };

  // ---- lookups: one line for everything that we use of the page's insides, as `module:export.property`.
  // Several are tried in turn; the operator's file (WHATSAPP_LOOKUPS) comes before them.
  const PATHS = {
    socket: ['WAWebSocketModel:Socket'],
    conn: ['WAWebConnModel:Conn'],
    cmd: ['WAWebCmd:Cmd'],
    me: ['WAWebUserPrefsMeUser'],
    offline: ['WAWebOfflineHandler:OfflineMessageHandler'],
    pairing: ['WAWebAltDeviceLinkingApi'],
    chats: ['WAWebCollections:Chat'],
    noise: ['WAWebUserPrefsInfoStore:waNoiseInfo'],
    signal: ['WAWebSignalStoreApi:waSignalStore'],
    advSecret: ['WAWebUserPrefsMultiDevice:getADVSecretKey'],
    platform: ['WAWebCompanionRegClientUtils:DEVICE_PLATFORM'],
  };
  const ONLY_WITHOUT_DISPLAYED_QR = ['noise', 'signal', 'advSecret', 'platform'];
  const PROBE_AFTER_MS = 2000; // modules that nobody needed at boot have registered by then
  const resolve = (path) => {
    try {
      const [module, properties] = path.split(':');
      let found = window.require(module);
      for (const name of properties ? properties.split('.') : []) found = found?.[name];
      return found ?? undefined;
    } catch {
      return undefined; // not registered yet, or not in this version; `need` says so where it matters
    }
  };
  const pathsOf = (name) => [...(overrides[name] ?? []), ...PATHS[name]];
  const tryLookup = (name) => {
    for (const path of pathsOf(name)) {
      const found = resolve(path);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const outcomeOf = (name) => {
    const index = pathsOf(name).findIndex((path) => resolve(path) !== undefined);
    return index === 0 ? 'found' : index > 0 ? 'fell_back' : 'missing';
  };
  const probe = (names) => Object.fromEntries(names.map((name) => [name, outcomeOf(name)]));
  const need = (name) => {
    const found = tryLookup(name);
    if (found === undefined) throw new Error(`PageBroken: ${name}`);
    return found;
  };

  // ---- the QR: what the page itself displays is right by definition
  const refElement = () => document.querySelector('[data-ref]');
  const refIsStale = (element) => element.querySelector('button, [role="button"]') !== null;
  let lastRef = null;
  let lastStale = false;
  let linked = false;
  const readRef = () => {
    const element = refElement();
    if (!element || linked) return;
    const stale = refIsStale(element);
    const text = element.getAttribute('data-ref');
    if (!stale && text && (text !== lastRef || lastStale)) report('ref', { text, how: 'displayed' });
    if (stale && !lastStale) report('ref_stale');
    if (text) lastRef = text;
    lastStale = stale;
  };
  const observer = new MutationObserver(readRef);
  const watchRef = () => {
    observer.disconnect();
    observer.observe(document, {
      subtree: true, childList: true, attributes: true, attributeFilter: ['data-ref'],
    });
    readRef();
  };
  stops.push(() => observer.disconnect());

  const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
  const refFromModules = async (ref) => {
    const [noise, registration] = [await need('noise').get(), await need('signal').getRegistrationInfo()];
    const parts = [ref, base64(noise.staticKeyPair.pubKey), base64(registration.identityKeyPair.pubKey)];
    parts.push(need('advSecret')());
    const platform = tryLookup('platform');
    if (platform !== undefined) parts.push(platform);
    return parts.join(',');
  };
  const onConnRef = (ref) => {
    if (!ref || linked) return;
    const timer = setTimeout(async () => {
      if (disposed || linked || refElement() || tryLookup('conn')?.ref !== ref) return;
      try {
        const text = await refFromModules(ref);
        if (text !== lastRef) report('ref', { text, how: 'modules' });
        lastRef = text;
      } catch (error) {
        report('broken', { what: String(error.message).slice(0, 200) });
      }
    }, REF_FROM_MODULES_MS);
    stops.push(() => clearTimeout(timer));
  };

  // ---- the own number: never a LID, and only once the page is past its QR
  const userOf = (wid) => {
    if (!wid) return null;
    const text = typeof wid === 'string' ? wid : wid._serialized || `${wid.user}@${wid.server || 'c.us'}`;
    const [user, server] = String(text).split('@');
    if (server === 'lid') return null;
    const digits = user.split(/[:.]/)[0];
    return /^\d{5,20}$/.test(digits) ? digits : null;
  };
  const ownNumber = () => {
    const conn = tryLookup('conn');
    const attempts = [
      ['me_user', () => tryLookup('me')?.getMaybeMePnUser?.()],
      ['conn_serialized', () => conn?.serialize?.().me],
      ['conn_me', () => conn?.me],
      ['conn_wid', () => conn?.wid],
    ];
    for (const [method, read] of attempts) {
      try {
        const number = userOf(read());
        if (number) return { number, method };
      } catch {
        continue; // the next way may still know it
      }
    }
    return null;
  };
  let lastMe = null;
  let stopNumberLook = null;
  const readMe = () => {
    const found = ownNumber();
    if (!found) return false;
    const conn = tryLookup('conn');
    const me = { ...found, name: conn?.pushname ?? null, platform: conn?.platform ?? null };
    const key = JSON.stringify(me);
    if (key !== lastMe) report('me', me);
    lastMe = key;
    return true;
  };
  const lookForNumber = () => {
    if (readMe() || stopNumberLook) return;
    stopNumberLook = every(NUMBER_EVERY_MS, () => {
      if (readMe()) {
        stopNumberLook();
        stopNumberLook = null;
      }
    });
  };

  // ---- state of the connection
  const BEFORE_SCAN = ['UNPAIRED', 'UNPAIRED_IDLE'];
  let lastState = null;
  let lastSynced = null;
  const onState = (state) => {
    if (!state || state === lastState) return;
    lastState = state;
    linked = state === 'CONNECTED';
    if (linked) observer.disconnect(); // the chat list changes all day; no QR can be in it
    report('state', { state });
    if (BEFORE_SCAN.includes(state)) watchRef();
    else if (state !== 'UNLAUNCHED') lookForNumber();
  };
  const onSynced = (synced) => {
    if (synced === lastSynced) return;
    lastSynced = synced;
    if (synced) report('synced');
    if (synced) readMe();
  };
  const readLevels = () => {
    const socket = tryLookup('socket');
    if (!socket) return;
    onState(socket.state);
    onSynced(Boolean(socket.hasSynced));
  };

  const subscribe = (socket) => {
    const [conn, cmd] = [tryLookup('conn'), tryLookup('cmd')];
    listen(socket, 'change:state', readLevels);
    listen(socket, 'change:hasSynced', readLevels);
    if (conn) {
      listen(conn, 'change:ref', () => { readRef(); onConnRef(conn.ref); });
      for (const change of ['change:pushname', 'change:platform', 'change:me']) {
        listen(conn, change, () => { if (!BEFORE_SCAN.includes(lastState)) readMe(); });
      }
    }
    if (cmd) {
      listen(cmd, 'logout', () => report('logged_out', { how: 'logout' }));
      listen(cmd, 'logout_from_bridge', () => report('logged_out', { how: 'logout_from_bridge' }));
      listen(cmd, 'offline_progress_update_from_bridge', () => {
        const percent = tryLookup('offline')?.getOfflineDeliveryProgress?.();
        if (typeof percent === 'number') report('progress', { percent });
      });
    }
    report('loaded', { version: String(window.Debug?.VERSION ?? ''), lookups: missing() });
    readLevels();
    if (conn && BEFORE_SCAN.includes(lastState)) onConnRef(conn.ref);
    every(LEVEL_EVERY_MS, readLevels);
    const names = Object.keys(PATHS).filter((name) => !ONLY_WITHOUT_DISPLAYED_QR.includes(name));
    const timer = setTimeout(() => report('probed', { outcomes: probe(names) }), PROBE_AFTER_MS);
    stops.push(() => clearTimeout(timer));
  };
  const missing = () => ['conn', 'cmd', 'me', 'pairing', 'chats'].filter((name) => !tryLookup(name));

  // ---- booting: do not require modules before the page has reached them itself
  const bornAt = performance.now();
  let loadedAt = document.readyState === 'complete' ? bornAt : null;
  window.addEventListener('load', () => { loadedAt = performance.now(); }, { once: true });
  const pageIsBooted = () =>
    window.Debug?.VERSION !== undefined || refElement() !== null
    || (loadedAt !== null && performance.now() - loadedAt > DEBUG_LATE_MS);
  let toldForeign = false;
  const stopBootLook = every(LOOK_EVERY_MS, () => {
    const hasModules = typeof window.require === 'function' || typeof window.__d === 'function';
    if (!hasModules && !toldForeign && loadedAt !== null && performance.now() - loadedAt > FOREIGN_PAGE_MS) {
      toldForeign = true;
      const text = `${document.title} ${document.body?.innerText ?? ''}`;
      report('foreign', { refuses_browser: /browser|update|chrome|firefox/i.test(text) });
    }
    if (!hasModules || !pageIsBooted()) return;
    const socket = tryLookup('socket');
    if (!socket || typeof socket.on !== 'function' || !tryLookup('cmd') || !tryLookup('conn')) return;
    stopBootLook();
    subscribe(socket);
  });

  // ---- a passkey is demanded through a call that only the account's owner can answer
  const credentials = window.CredentialsContainer?.prototype;
  const originalGet = credentials?.get;
  if (originalGet) {
    credentials.get = function get(options) {
      const silent = options?.mediation === 'conditional' || options?.mediation === 'silent';
      if (options?.publicKey && !silent) report('passkey');
      return originalGet.apply(this, arguments);
    };
    stops.push(() => { credentials.get = originalGet; });
  }

  if (new URLSearchParams(location.search).has('post_logout')) report('logged_out', { how: 'post_logout' });
  watchRef();

  // ---- what the pool may ask for
  return {
    dispose() {
      disposed = true;
      for (const stop of stops) stop();
    },
    refreshRef() {
      const button = refElement()?.querySelector('button, [role="button"]');
      const cmd = tryLookup('cmd');
      if (cmd?.refreshQR) cmd.refreshQR();
      else if (button) button.click();
      else throw new Error('PageBroken: refreshQR');
    },
    clickReload() {
      const button = refElement()?.querySelector('button, [role="button"]');
      button?.click();
      return Boolean(button);
    },
    async requestPairingCode(digits) {
      const pairing = need('pairing');
      await pairing.setPairingType('ALT_DEVICE_LINKING');
      await pairing.initializeAltDeviceLinking();
      return pairing.startAltLinkingFlow(digits, true);
    },
    // every lookup, also those that only matter when the page displays no QR
    probe: () => ({ ...probe(Object.keys(PATHS)), ref: refElement() ? 'found' : 'missing' }),
    version: () => String(window.Debug?.VERSION ?? ''),
    takeOver: () => need('socket').takeover(),
    logOut: () => need('socket').logout(),
    // one string: the driver between page and pool takes an object apart field by field
    chats: () => JSON.stringify({
      synced: Boolean(need('socket').hasSynced),
      chats: need('chats').getModelsArray().map((chat) => ({
        id: String(chat.id?._serialized ?? chat.id),
        name: chat.formattedTitle ?? chat.name ?? null,
        unread_count: Number(chat.unreadCount ?? 0),
        t: Number(chat.t ?? 0) || null, // the last message, in seconds
        is_group: Boolean(chat.isGroup ?? chat.groupMetadata),
      })),
    }),
  };
}
