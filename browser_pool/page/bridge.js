// Carries facts from the page to the pool: one CDP binding, one JSON string a fact.
// The pool composes `(bridge)(bindingName, watchWhatsApp, overrides)` and evaluates it in every new document.
(bindingName, watchWhatsApp, overrides) => {
  if (window !== window.top) return;
  const key = Symbol.for('linkpool');
  window[key]?.dispose(); // a restarted pool brings its own copy
  const report = (kind, detail = {}) => {
    // the binding is absent for a moment while a restarted pool attaches; it reads everything anew
    window[bindingName]?.(JSON.stringify({ kind, ...detail }));
  };
  Object.defineProperty(window, key, { value: watchWhatsApp(report, overrides), configurable: true, enumerable: false });
}
