// The page's databases, under the names of the real ones. A login lives in three of them and in localStorage.
'use strict';

__d('StandInStorage', [], (require, exports) => {
  const STORES = {
    wawc: 'user', // who we are
    wawc_db_enc: 'keys', // the device's signing key, a CryptoKey that cannot be exported
    'signal-storage': 'signal-meta-store', // registration: noise and identity keys
    'model-storage': 'chat', // what was synced; comes back slowly when absent
  };
  // Written when the device is linked; a profile without it, or with another, is not linked.
  const SECRET = 'WAWebEncKeySalt';
  const LAST_WID = 'last-wid-md';
  const open = new Map();

  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  // A second page of this profile may wipe; a connection that stays open would block it for ever.
  const yielding = (connection) => {
    connection.onversionchange = () => connection.close();
    return connection;
  };

  function database(name) {
    if (!open.has(name)) {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORES[name]);
      open.set(name, done(request).then(yielding));
    }
    return open.get(name);
  }

  exports.read = async (name, key) => {
    const store = (await database(name)).transaction(STORES[name]).objectStore(STORES[name]);
    return done(store.get(key));
  };

  exports.read_all = async (name) => {
    const store = (await database(name)).transaction(STORES[name]).objectStore(STORES[name]);
    return done(store.getAll());
  };

  // Resolves when the transaction is on disk, not when the request was taken.
  exports.write = async (name, rows) => {
    const transaction = (await database(name)).transaction(STORES[name], 'readwrite', { durability: 'strict' });
    for (const [key, value] of rows) transaction.objectStore(STORES[name]).put(value, key);
    return new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onerror = () => reject(transaction.error);
    });
  };

  exports.secret = () => localStorage.getItem(SECRET);

  exports.keep_secret = (secret, wid) => {
    localStorage.setItem(SECRET, secret);
    localStorage.setItem(LAST_WID, JSON.stringify(wid));
  };

  exports.wipe = async () => {
    for (const connection of open.values()) (await connection).close();
    open.clear();
    await Promise.all(Object.keys(STORES).map((name) => done(indexedDB.deleteDatabase(name))));
    localStorage.clear();
  };
});
