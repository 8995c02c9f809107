// Module system: __d registers a factory, require runs it once. A module that is not registered (yet) throws.
'use strict';
(() => {
  const modulesMap = Object.create(null);
  // A release that renamed a module: its own code knows the new name, whoever looks from outside does not.
  const renamed = JSON.parse(document.getElementById('page-config').textContent).renamed_module;
  const nameNow = (id) => (renamed && id === renamed ? `${id}New` : id);
  const requireInside = (id) => window.require(nameNow(id));

  window.__d = (oldId, dependencies, factory) => {
    const id = nameNow(oldId);
    modulesMap[id] ??= { id, dependencies, factory, module: null };
  };

  window.require = (id) => {
    const entry = modulesMap[id];
    if (!entry) throw new Error(`Requiring unknown module "${id}"`);
    if (!entry.module) {
      entry.original = {};
      entry.module = { exports: entry.original };
      try {
        entry.factory(renamed ? requireInside : window.require, entry.original, entry.module);
      } catch (error) {
        entry.module = null;
        throw error;
      }
    }
    return entry.module.exports;
  };

  // A module that replaced its exports is not a namespace; whoever asks for one gets it as the default.
  window.importNamespace = (id) => {
    const exports = window.require(id);
    const entry = modulesMap[id];
    if (exports === entry.original) return exports;
    entry.namespace ??= { default: exports };
    return entry.namespace;
  };
  window.importDefault = (id) => {
    const exports = window.require(id);
    return exports && 'default' in exports ? exports.default : exports;
  };
  window.ErrorGuard = { skipGuardGlobal() {} };

  window.__d('__debug', [], (require, exports) => {
    exports.modulesMap = modulesMap;
  });
})();

__d('StandInConfig', [], (require, exports, module) => {
  module.exports = JSON.parse(document.getElementById('page-config').textContent);
});
