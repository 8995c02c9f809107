// Ids of users, groups and hidden users, and their text form.
'use strict';

__d('WAWebWid', [], (require, exports) => {
  class Wid {
    constructor(text) {
      const [user, server] = String(text).split('@');
      this.server = server;
      this.user = user.split(':')[0];
      this._serialized = `${this.user}@${server}`;
    }
    isUser() {
      return this.server === 'c.us' || this.isLid();
    }
    isRegularUser() {
      return this.isUser();
    }
    isLid() {
      return this.server === 'lid';
    }
    isGroup() {
      return this.server === 'g.us';
    }
    isBroadcast() {
      return this.server === 'broadcast';
    }
    isNewsletter() {
      return this.server === 'newsletter';
    }
    isStatus() {
      return this._serialized === 'status@broadcast';
    }
    isPSA() {
      return this._serialized === '0@c.us';
    }
    isBot() {
      return this.server === 'bot';
    }
    equals(other) {
      return this.toString() === String(other);
    }
    toString() {
      return this._serialized;
    }
    toJid() {
      return this._serialized.replace('@c.us', '@s.whatsapp.net');
    }
    static isXWid(kind, wid) {
      return new Wid(wid).server === kind;
    }
    static isWid(value) {
      return value instanceof Wid;
    }
  }
  exports.default = Wid;
});

__d('WAWebWidFactory', ['WAWebWid'], (require, exports) => {
  const Wid = require('WAWebWid').default;
  exports.createWid = (value) => (value instanceof Wid ? value : new Wid(value?._serialized ?? value));
  exports.createWidFromWidLike = exports.createWid;
  exports.createUserWid = (user, server = 'c.us') => new Wid(`${user}@${server}`);
  exports.createUserWidOrThrow = exports.createUserWid;
  exports.createDeviceWid = exports.createWid;
  exports.asUserWidOrThrow = (wid) => {
    if (!wid.isUser()) throw new Error(`${wid} is not a user`);
    return wid;
  };
  exports.toUserWid = exports.createWid;
  exports.isWidlike = (value) => typeof value?._serialized === 'string';
});
