// What a person sees: the QR, a code, the passkey prompt, the chat list. Follows the models, decides nothing.
'use strict';

__d('StandInView', ['WAWebSocketModel', 'WAWebConnModel', 'WAWebCollections', 'StandInQr', 'StandInQrText'], (require, exports) => {
  const { Socket } = require('WAWebSocketModel');
  const { Conn } = require('WAWebConnModel');
  const { Chat } = require('WAWebCollections');
  let code = null;
  let passkey = false;

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function qr() {
    const text = require('StandInQrText').qr_text();
    const box = make('div', { class: 'qr', 'data-ref': text });
    const canvas = make('canvas', { role: 'img', 'aria-label': 'Scan this QR code to link a device!' });
    require('StandInQr').draw(canvas, text);
    box.append(canvas);
    if (Socket.state === 'UNPAIRED_IDLE') {
      const button = make('button', { type: 'button', class: 'reload' }, 'Click to reload QR code');
      button.addEventListener('click', () => require('WAWebCmd').Cmd.refreshQR());
      box.append(make('span', { class: 'cover' }, button));
    }
    return box;
  }

  const landing = (...children) =>
    make('main', { class: 'landing' }, make('h1', {}, 'WhatsApp Web'), make('section', { class: 'card' }, ...children));

  const steps = () =>
    make(
      'ol', {},
      ...['Open WhatsApp on your phone', 'Tap Menu, then Linked devices', 'Tap Link a device', 'Scan the QR code']
        .map((text) => make('li', {}, text)),
    );

  const waiting = (text) => landing(make('div', {}, make('h2', {}, text), make('progress')));

  function elsewhere() {
    const button = make('button', { type: 'button' }, 'Use here');
    button.addEventListener('click', () => Socket.takeover());
    return landing(make('div', {}, make('h2', {}, 'WhatsApp is open in another window'), button));
  }

  function chat_list() {
    const rows = Chat.getModelsArray().map((chat) =>
      make(
        'li', { 'data-id': String(chat.id) },
        make('strong', {}, chat.formattedTitle),
        make('span', {}, chat.lastLine ?? ''),
        ...(chat.unreadCount ? [make('em', {}, String(chat.unreadCount))] : []),
      ),
    );
    return make(
      'main', { class: 'two' },
      make('nav', { id: 'side' }, make('h2', {}, 'Chats'), make('ul', { id: 'pane-side' }, ...rows)),
      make('section', { class: 'intro' }, make('h1', {}, 'WhatsApp Web'), make('p', {}, Conn.pushname ?? '')),
    );
  }

  function current() {
    if (passkey) {
      return landing(make('div', { id: 'passkey' }, make('h2', {}, 'Continue on this device with your passkey')));
    }
    switch (Socket.state) {
      case 'UNPAIRED':
      case 'UNPAIRED_IDLE':
        if (code) return landing(make('div', {}, make('h2', {}, 'Enter code on phone'), make('output', { id: 'code' }, code)));
        return landing(make('div', {}, make('h2', {}, 'Steps to log in'), steps()), qr());
      case 'CONNECTED':
        return Socket.hasSynced ? chat_list() : waiting('Loading your chats');
      case 'CONFLICT':
        return elsewhere();
      case 'PAIRING':
        return waiting('Logging in');
      default:
        return Socket.hasSynced ? chat_list() : waiting('Connecting…');
    }
  }

  function render() {
    document.getElementById('app').replaceChildren(current());
  }

  exports.show_code = (value) => {
    code = value;
    render();
  };

  exports.show_passkey = (value) => {
    passkey = value;
    render();
  };

  exports.start = () => {
    Socket.on('change:state change:hasSynced', render);
    Conn.on('change:ref', () => Socket.state.startsWith('UNPAIRED') && render());
    render();
  };
});
