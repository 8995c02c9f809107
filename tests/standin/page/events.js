// Event emitters and models. A model keeps its attributes as plain properties; set() tells who listens.
'use strict';

__d('WAWebEventEmitter', [], (require, exports) => {
  class EventEmitter {
    #listeners = new Map();
    #heard = [];

    on(names, callback, context, once = false) {
      for (const name of names.split(' ')) {
        const list = this.#listeners.get(name) ?? [];
        this.#listeners.set(name, [...list, { callback, context, once }]);
      }
      return this;
    }

    once(names, callback, context) {
      return this.on(names, callback, context, true);
    }

    off(names, callback) {
      for (const name of names ? names.split(' ') : [...this.#listeners.keys()]) {
        const left = (this.#listeners.get(name) ?? []).filter((entry) => callback && entry.callback !== callback);
        this.#listeners.set(name, left);
      }
      return this;
    }

    // A listener that throws must not keep the others from hearing.
    trigger(name, ...args) {
      for (const entry of this.#listeners.get(name) ?? []) {
        if (entry.once) this.off(name, entry.callback);
        try {
          entry.callback.apply(entry.context ?? this, args);
        } catch (error) {
          reportError(error);
        }
      }
      return this;
    }

    listenTo(other, names, callback) {
      this.#heard.push({ other, names, callback });
      other.on(names, callback, this);
      return this;
    }

    stopListening() {
      for (const { other, names, callback } of this.#heard.splice(0)) other.off(names, callback);
      return this;
    }
  }
  for (const [alias, name] of [['emit', 'trigger'], ['addListener', 'on'], ['removeListener', 'off']]) {
    EventEmitter.prototype[alias] = EventEmitter.prototype[name];
  }
  exports.default = EventEmitter;
});

__d('WAWebBaseModel', ['WAWebEventEmitter'], (require, exports) => {
  const EventEmitter = require('WAWebEventEmitter').default;

  class BaseModel extends EventEmitter {
    // Defined, not assigned: libraries put getters of the same names on the prototypes, which would refuse.
    constructor(attributes = {}) {
      super();
      for (const [name, value] of Object.entries(attributes)) {
        Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
      }
    }

    // Every changed attribute is in place before the first listener hears of one.
    set(attributes) {
      const changed = Object.entries(attributes).filter(([name, value]) => this[name] !== value);
      const before = changed.map(([name]) => this[name]);
      for (const [name, value] of changed) this[name] = value;
      changed.forEach(([name, value], place) => this.trigger(`change:${name}`, this, value, before[place]));
      if (changed.length) this.trigger('change', this);
      return this;
    }

    get attributes() {
      return this.serialize();
    }

    serialize() {
      return { ...this };
    }

    toJSON() {
      return this.serialize();
    }

    unsafe() {
      return this;
    }
  }
  exports.default = BaseModel;
  exports.BaseModel = BaseModel;
});
