// The page's socket: says who the device is, obeys what the server tells, comes back when it is cut off.
'use strict';

__d('StandInConnection', ['StandInIdentity', 'StandInStorage', 'WAWebSocketModel', 'WAWebConnModel'], (require, exports) => {
  const identity = require('StandInIdentity');
  const storage = require('StandInStorage');
  const config = require('StandInConfig');
  const { Socket } = require('WAWebSocketModel');
  const { Stream } = require('WAWebStreamModel');
  const { Conn } = require('WAWebConnModel');
  const { Cmd } = require('WAWebCmd');
  const { Chat } = require('WAWebCollections');
  const { OfflineMessageHandler } = require('WAWebOfflineHandler');
  const ChatModel = require('WAWebChatModel').default;
  const { createUserWid } = require('WAWebWidFactory');
  const view = require('StandInView');
  const LONGEST_PAUSE_MS = 2000;

  let socket = null;
  let pause_ms = config.reconnect_ms;
  let first = true; // of this page load
  let leaving = false; // logged out, about to navigate
  let asked = 0;
  const codes = new Map(); // number of the request to its promise

  // A reload keeps the tab; a second browser on a copied profile is another one.
  const tab = () => {
    const kept = sessionStorage.getItem('tab') ?? crypto.randomUUID();
    sessionStorage.setItem('tab', kept);
    return kept;
  };

  const send = (type, fields = {}) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type, ...fields }));
  };

  function show(state, mode, info) {
    Stream.set({ mode, info });
    Socket.set({ state });
    send('state', { state });
  }

  // -- opening and closing

  async function connect({ takeover = false } = {}) {
    show('OPENING', identity.get().me && Socket.hasSynced ? 'MAIN' : 'OFFLINE', 'OPENING');
    const has_chats = (await storage.read_all('model-storage')).length > 0;
    const opened = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/ws/chat`);
    socket = opened;
    opened.onopen = () => {
      const platform = require('WAWebCompanionRegClientUtils').DEVICE_PLATFORM;
      send('hello', { ...identity.hello(), platform, tab: tab(), first, has_chats, takeover });
      first = false;
    };
    opened.onmessage = (event) => opened === socket && obey(JSON.parse(event.data));
    opened.onclose = () => opened === socket && lost();
  }

  function lost() {
    socket = null;
    for (const id of [...codes.keys()]) answer_code({ id, error: 'connection lost' });
    if (leaving || Socket.state === 'CONFLICT') return;
    show('TIMEOUT', Socket.hasSynced ? 'MAIN' : 'OFFLINE', 'TIMEOUT');
    setTimeout(() => !socket && !leaving && connect(), pause_ms);
    pause_ms = Math.min(2 * pause_ms, LONGEST_PAUSE_MS);
  }

  // Closes without the page noticing a loss.
  function hang_up() {
    const old = socket;
    socket = null;
    old?.close();
  }

  // -- what the server says

  async function obey(message) {
    switch (message.type) {
      case 'are_you_there':
        return send('here');
      case 'nonce':
        return send('proof', { signature: await identity.sign(message.nonce) });
      case 'ref':
        pause_ms = config.reconnect_ms;
        view.show_passkey(false);
        Conn.set({ ref: message.ref, refTTL: message.ttl_ms / 1000 });
        return show('UNPAIRED', 'QR', 'NORMAL');
      case 'idle':
        return show('UNPAIRED_IDLE', 'QR', 'NORMAL');
      case 'code':
        return answer_code(message);
      case 'pairing':
        return show('PAIRING', 'QR', 'PAIRING');
      case 'passkey':
        view.show_passkey(true);
        return require('WAWebShortcakeLinkingPasskey').request(message);
      case 'linked':
        return become_linked(message);
      case 'welcome':
        return enter(message);
      case 'chats':
        return keep_chats(message.chats);
      case 'progress':
        return OfflineMessageHandler.setOfflineDeliveryProgress(message.percent);
      case 'synced':
        Stream.set({ mode: 'MAIN', info: 'NORMAL' });
        return Socket.set({ hasSynced: true, stream: 'CONNECTED' });
      case 'number':
        await identity.remember({ number: message.number });
        return Conn.set({ wid: createUserWid(message.number), me: createUserWid(message.number) });
      case 'conflict':
        return show('CONFLICT', 'CONFLICT', 'NORMAL');
      case 'refused':
      case 'revoked':
      case 'logged_out':
        return forget();
    }
  }

  function answer_code({ id, code, error }) {
    const { resolve, reject } = codes.get(id);
    codes.delete(id);
    if (code) resolve(code);
    else reject(new Error(error));
  }

  function introduce({ number, conn_number, lid, pushname, platform }) {
    const known = number ?? conn_number ?? identity.get().me?.number;
    const wid = known ? createUserWid(known) : undefined;
    Conn.set({ connected: true, wid, me: wid, lid: createUserWid(lid, 'lid'), pushname, platform });
  }

  async function become_linked({ me, secret, after_link }) {
    view.show_passkey(false);
    const { number, lid, pushname, platform } = me;
    await identity.remember({ lid, pushname, platform, ...(number ? { number } : {}) }, secret);
    introduce(me);
    send('stored');
    if (after_link === 'stay') return;
    hang_up();
    if (after_link === 'reload') location.reload();
    else connect();
  }

  async function enter({ me }) {
    pause_ms = config.reconnect_ms;
    introduce(me);
    for (const row of await storage.read_all('model-storage')) Chat.add(ChatModel.from(row));
    Cmd.isMainLoaded = true;
    show('CONNECTED', Socket.hasSynced ? 'MAIN' : 'SYNCING', Socket.hasSynced ? 'NORMAL' : 'SYNCING');
    Cmd.trigger('main_loaded');
  }

  async function keep_chats(rows) {
    for (const row of rows) Chat.add(ChatModel.from(row));
    await storage.write('model-storage', rows.map((row) => [row.id, row]));
  }

  // Logged out: tell who listens, wipe everything, start again with a new identity.
  async function forget() {
    if (leaving) return;
    leaving = true;
    Cmd.isMainLoaded = false;
    Cmd.trigger('logout');
    Cmd.trigger('logout_from_bridge');
    hang_up();
    await storage.wipe();
    location.assign('/?post_logout=1');
  }

  // -- what the page asks for

  exports.start = () => connect();

  exports.refresh = () => send('refresh');

  exports.takeover = () => {
    hang_up();
    connect({ takeover: true });
  };

  exports.request_code = (phone) =>
    new Promise((resolve, reject) => {
      if (!socket) throw new Error('not connected');
      const id = ++asked;
      codes.set(id, { resolve, reject });
      send('code', { id, phone: String(phone) });
    });

  exports.logout = () => {
    const over = new Promise((resolve) => Cmd.once('logout', resolve));
    send('logout');
    return over;
  };
});
