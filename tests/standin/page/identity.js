// Who this device is: made on the first load, kept in IndexedDB, proven by signing what the server asks.
'use strict';

__d('WABase64', [], (require, exports) => {
  exports.encodeB64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
  exports.decodeB64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  exports.encodeB64UrlSafe = (bytes) =>
    exports.encodeB64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
});

__d('StandInIdentity', ['StandInStorage', 'WABase64'], (require, exports) => {
  const storage = require('StandInStorage');
  const { encodeB64 } = require('WABase64');
  const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
  let identity = null;

  const random = (length) => crypto.getRandomValues(new Uint8Array(length)).buffer;
  const key_pair = () => ({ pubKey: random(32), privKey: random(32) });

  async function make() {
    const signing = await crypto.subtle.generateKey(CURVE, false, ['sign', 'verify']);
    const point = await crypto.subtle.exportKey('raw', signing.publicKey);
    const made = { noise: key_pair(), identity: key_pair(), registration_id: 1 + Math.floor(Math.random() * 16000) };
    await Promise.all([
      storage.write('wawc_db_enc', [['device', { private_key: signing.privateKey, point }]]),
      storage.write('signal-storage', [['registration', made]]),
      storage.write('wawc', [['adv', encodeB64(random(32))]]),
    ]);
  }

  async function read() {
    const [device, registration, adv, me] = await Promise.all([
      storage.read('wawc_db_enc', 'device'),
      storage.read('signal-storage', 'registration'),
      storage.read('wawc', 'adv'),
      storage.read('wawc', 'me'),
    ]);
    if (!(device?.private_key instanceof CryptoKey) || !registration || !adv) return null;
    if (me && !storage.secret()) return null; // half a login is none
    return { device, ...registration, adv, me: me ?? null };
  }

  exports.load = async () => {
    identity = await read();
    if (!identity) {
      await storage.wipe();
      await make();
      identity = await read();
    }
    return identity;
  };

  exports.get = () => identity;

  exports.hello = () => ({
    noise: encodeB64(identity.noise.pubKey),
    identity: encodeB64(identity.identity.pubKey),
    adv: identity.adv,
    signing_key: encodeB64(identity.device.point),
    linked: identity.me !== null,
  });

  exports.sign = async (nonce) => {
    const secret = identity.me ? storage.secret() : '';
    const message = new TextEncoder().encode(`${nonce}.${secret}`);
    const signature = await crypto.subtle.sign({ ...CURVE, hash: 'SHA-256' }, identity.device.private_key, message);
    return encodeB64(signature);
  };

  exports.remember = async (me, secret) => {
    identity.me = { ...identity.me, ...me };
    await storage.write('wawc', [['me', identity.me]]);
    if (secret) storage.keep_secret(secret, `${me.number ?? me.lid}:1@${me.number ? 'c.us' : 'lid'}`);
  };
});

// The same facts under the names that libraries read them from.

__d('WAWebUserPrefsInfoStore', ['StandInIdentity'], (require, exports) => {
  exports.waNoiseInfo = { get: async () => ({ staticKeyPair: require('StandInIdentity').get().noise }) };
});

__d('WAWebSignalStoreApi', ['StandInIdentity'], (require, exports) => {
  exports.waSignalStore = {
    getRegistrationInfo: async () => {
      const { identity, registration_id } = require('StandInIdentity').get();
      return { registrationId: registration_id, identityKeyPair: identity };
    },
  };
});

__d('WAWebUserPrefsMultiDevice', ['StandInIdentity'], (require, exports) => {
  exports.getADVSecretKey = () => require('StandInIdentity').get().adv;
  exports.setADVSignedIdentity = () => {};
});

__d('WAWebCompanionRegClientUtils', [], (require, exports) => {
  exports.DEVICE_PLATFORM = '1';
});

__d('WAWebAdvSignatureApi', [], (require, exports) => {
  exports.generateADVSecretKey = () => require('StandInIdentity').get().adv;
});
