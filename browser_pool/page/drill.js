// Reads what a page has kept, and says how much of it there is. Never gives a value away: names, counts and
// names of errors only. Evaluated in a blank document on the page's origin.
async ([items, replace, mostRecords]) => {
  const MOST_KEYS = 64; // an identity has a handful
  const CALLS = {
    sign: (key) => crypto.subtle.sign({ hash: 'SHA-256', ...key.algorithm }, key, new Uint8Array(1)),
    encrypt: (key) => crypto.subtle.encrypt(cipher(key), key, new Uint8Array(16)),
    decrypt: (key) => crypto.subtle.decrypt({ ...cipher(key), name: 'AES-CTR' }, key, new Uint8Array(16)),
    deriveBits: (key) => crypto.subtle.deriveBits(derivation(key), key, 128),
    deriveKey: (key) =>
      crypto.subtle.deriveKey(derivation(key), key, { name: 'AES-GCM', length: 128 }, false, ['encrypt']),
  };
  const problems = [];
  const complain = (what, error) => problems.push(`${what}: ${error?.name ?? 'error'}`);

  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  function cipher(key) {
    const iv = new Uint8Array(key.algorithm.name === 'AES-GCM' ? 12 : 16);
    return { name: key.algorithm.name, iv, counter: new Uint8Array(16), length: 64 };
  }

  function derivation(key) {
    const empty = new Uint8Array(16);
    return { name: key.algorithm.name, hash: 'SHA-256', salt: empty, info: empty, iterations: 1 };
  }

  // The ways to use a key that need nothing else than the key.
  function callFor(key) {
    const { name } = key.algorithm;
    if (key.usages.includes('sign')) return CALLS.sign;
    if (key.usages.includes('encrypt') && name.startsWith('AES')) return CALLS.encrypt;
    if (key.usages.includes('decrypt') && name === 'AES-CTR') return CALLS.decrypt;
    if (!['HKDF', 'PBKDF2'].includes(name)) return null;
    return key.usages.includes('deriveBits') ? CALLS.deriveBits : CALLS.deriveKey;
  }

  const keys = { found: 0, used: 0 };
  async function use(key, where) {
    keys.found += 1;
    const call = keys.found <= MOST_KEYS ? callFor(key) : null;
    if (!call) return;
    try {
      await call(key);
      keys.used += 1;
    } catch (error) {
      complain(`${where}: a key cannot be used`, error);
    }
  }

  function keysIn(value, found = [], depth = 0) {
    if (value instanceof CryptoKey) found.push(value);
    else if (value && typeof value === 'object' && depth < 6 && !ArrayBuffer.isView(value)) {
      for (const part of value instanceof Map ? value.values() : Object.values(value)) keysIn(part, found, depth + 1);
    }
    return found;
  }

  // A key can only be used once the transaction is over, so keys are collected first.
  function read(store) {
    return new Promise((resolve, reject) => {
      const answer = { read: 0, keys: [] };
      const request = store.openCursor();
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor || answer.read === mostRecords) return resolve(answer);
        try {
          answer.keys.push(...keysIn(cursor.value)); // .value is where a broken record throws
          answer.read += 1;
          cursor.continue();
        } catch (error) {
          reject(error);
        }
      };
    });
  }

  async function examine(connection) {
    const stores = {};
    for (const name of connection.objectStoreNames) {
      const where = `${connection.name}.${name}`;
      stores[name] = { records: 0, read: 0 };
      try {
        const store = connection.transaction(name).objectStore(name);
        stores[name].records = await done(store.count());
        const answer = await read(store);
        stores[name].read = answer.read;
        for (const key of answer.keys) await use(key, where);
        if (answer.read < Math.min(stores[name].records, mostRecords)) problems.push(`${where}: records are missing`);
      } catch (error) {
        complain(where, error);
      }
    }
    return stores;
  }

  const databases = {};
  try {
    for (const { name } of await indexedDB.databases()) {
      databases[name] = {};
      try {
        const connection = await done(indexedDB.open(name));
        databases[name] = await examine(connection);
        connection.close();
      } catch (error) {
        complain(name, error);
      }
    }
  } catch (error) {
    complain('IndexedDB cannot be opened', error);
  }

  let own = 0;
  try {
    own = localStorage.length;
    for (const [key, value] of Object.entries(items)) {
      if (replace || localStorage.getItem(key) === null) localStorage.setItem(key, value);
    }
  } catch (error) {
    complain('localStorage', error);
  }
  return { databases, keys, problems, local_storage_items: localStorage.length, local_storage_own_items: own };
}
