// Chats, messages, contacts: models and the collections that hold them.
'use strict';

__d('WAWebBaseCollection', ['WAWebEventEmitter'], (require, exports) => {
  const EventEmitter = require('WAWebEventEmitter').default;

  class BaseCollection extends EventEmitter {
    _models = [];
    #by_id = new Map();

    get length() {
      return this._models.length;
    }
    getModelsArray() {
      return this._models;
    }
    toArray() {
      return [...this._models];
    }
    get(id) {
      return this.#by_id.get(String(id?._serialized ?? id));
    }
    async find(id) {
      return this.get(id);
    }
    async update(id) {
      return this.get(id);
    }
    findFirst(test) {
      return this._models.find(test);
    }
    filter(test) {
      return this._models.filter(test);
    }
    map(change) {
      return this._models.map(change);
    }
    forEach(act) {
      this._models.forEach(act);
    }
    add(models) {
      for (const model of [models].flat()) {
        const id = String(model.id);
        if (this.#by_id.has(id)) continue;
        this.#by_id.set(id, model);
        this._models.push(model);
        // What a model says, its collection says too.
        const trigger = model.trigger;
        model.trigger = (...args) => {
          trigger.apply(model, args);
          this.trigger(...args);
          return model;
        };
        Object.defineProperty(model, 'trigger', { enumerable: false });
        this.trigger('add', model);
      }
      return models;
    }
    remove(id) {
      const model = this.get(id);
      if (!model) return;
      this.#by_id.delete(String(model.id));
      this._models.splice(this._models.indexOf(model), 1);
      this.trigger('remove', model);
    }
    reset() {
      this.#by_id.clear();
      this._models.length = 0;
      this.trigger('reset', this);
    }
    serialize() {
      return this._models.map((model) => model.serialize());
    }
  }
  exports.default = BaseCollection;
});

__d('WAWebGroupMetadataModel', ['WAWebBaseModel', 'WAWebBaseCollection', 'WAWebWidFactory'], (require, exports) => {
  const { BaseModel } = require('WAWebBaseModel');
  const BaseCollection = require('WAWebBaseCollection').default;
  const { createWid } = require('WAWebWidFactory');

  class GroupMetadata extends BaseModel {
    static from(row) {
      const participants = new BaseCollection();
      participants.add(
        row.participants.map(
          (number, place) =>
            new BaseModel({ id: createWid(`${number}@c.us`), isAdmin: place === 0, isSuperAdmin: place === 0 }),
        ),
      );
      return new GroupMetadata({
        id: createWid(row.id),
        subject: row.name,
        creation: row.t,
        owner: createWid(`${row.participants[0]}@c.us`),
        announce: false,
        participants,
      });
    }
    serialize() {
      return { ...this, participants: this.participants.serialize() };
    }
  }
  GroupMetadata.prototype.proxyName = 'group-metadata';
  exports.default = GroupMetadata;
});

__d('WAWebChatModel', ['WAWebBaseModel', 'WAWebGroupMetadataModel', 'WAWebWidFactory'], (require, exports) => {
  const { BaseModel } = require('WAWebBaseModel');
  const GroupMetadata = require('WAWebGroupMetadataModel').default;
  const { createWid } = require('WAWebWidFactory');

  class Chat extends BaseModel {
    static from(row) {
      const id = createWid(row.id);
      return new Chat({
        id,
        name: row.name,
        formattedTitle: row.name,
        unreadCount: row.unreadCount,
        t: row.t,
        archive: row.archive,
        pin: row.pin,
        isLocked: false,
        isGroup: id.isGroup(),
        isReadOnly: false,
        muteExpiration: 0,
        mute: { expiration: 0 },
        lastLine: row.lastLine,
        msgs: [],
        ...(id.isGroup() ? { groupMetadata: GroupMetadata.from(row) } : {}),
      });
    }
    serialize() {
      const { mute, groupMetadata, lastLine, ...plain } = this;
      return groupMetadata ? { ...plain, groupMetadata: groupMetadata.serialize() } : plain;
    }
  }
  Chat.prototype.proxyName = 'chat';
  exports.default = Chat;
  exports.Chat = Chat;
});

__d('WAWebContactModel', ['WAWebBaseModel'], (require, exports) => {
  const { BaseModel } = require('WAWebBaseModel');
  class Contact extends BaseModel {}
  Contact.prototype.proxyName = 'contact';
  exports.default = Contact;
  exports.Contact = Contact;
});

__d('WAWebMsgModel', ['WAWebBaseModel'], (require, exports) => {
  const { BaseModel } = require('WAWebBaseModel');
  class Msg extends BaseModel {}
  Msg.prototype.proxyName = 'msg';
  exports.default = Msg;
  exports.Msg = Msg;
});

// One module per collection, named as the real ones. Some export their class as well, some only the instance.
const COLLECTIONS = [
  'Chat', 'Msg', 'Contact', 'Label', 'Sticker', 'Cart', 'Catalog', 'Blocklist', 'BusinessProfile', 'LiveLocation',
  'Mute', 'Order', 'Presence', 'ProfilePicThumb', 'QuickReply', 'Status',
];
const EXPORT_THEIR_CLASS = new Set(COLLECTIONS.slice(0, 7));

for (const name of COLLECTIONS) {
  __d(`WAWeb${name}Collection`, ['WAWebBaseCollection'], (require, exports) => {
    const BaseCollection = require('WAWebBaseCollection').default;
    const Impl = { [name]: class extends BaseCollection {} }[name];
    if (EXPORT_THEIR_CLASS.has(name)) exports[`${name}CollectionImpl`] = Impl;
    exports[`${name}Collection`] = new Impl();
  });
}

__d('WAWebGroupMetadataCollection', ['WAWebBaseCollection'], (require, exports) => {
  const BaseCollection = require('WAWebBaseCollection').default;
  class GroupMetadataCollection extends BaseCollection {
    _handleParentGroupChange() {}
  }
  exports.default = new GroupMetadataCollection();
});

__d('WAWebNewsletterCollection', ['WAWebBaseCollection'], (require, exports) => {
  const BaseCollection = require('WAWebBaseCollection').default;
  exports.default = new BaseCollection();
});

__d('WAWebCallCollection', ['WAWebBaseCollection'], (require, exports, module) => {
  const BaseCollection = require('WAWebBaseCollection').default;
  class CallCollection extends BaseCollection {
    _calls = new Map();
    activeCall = null;
    setActiveCall(call) {
      this.activeCall = call;
    }
    processIncomingCall(call) {
      return call;
    }
  }
  module.exports = new CallCollection();
});

__d('WAWebCollections', [], (require, exports) => {
  for (const name of COLLECTIONS) exports[name] = require(`WAWeb${name}Collection`)[`${name}Collection`];
  exports.GroupMetadata = require('WAWebGroupMetadataCollection').default;
  exports.WAWebGroupMetadataCollection = exports.GroupMetadata;
  exports.WAWebNewsletterCollection = require('WAWebNewsletterCollection').default;
  exports.Msg.getMessagesById = async (ids) => ({ messages: ids.map((id) => exports.Msg.get(id)).filter(Boolean) });
});
