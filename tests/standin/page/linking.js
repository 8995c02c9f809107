// Ways to link: the QR text, the pairing code, and the passkey some accounts must confirm with.
'use strict';

__d('StandInQrText', ['WAWebConnModel', 'StandInIdentity', 'StandInConfig'], (require, exports) => {
  // What the page displays is right by definition: ref, noise key, identity key, adv secret and, lately, platform.
  exports.qr_text = () => {
    const { noise, identity, adv } = require('StandInIdentity').hello();
    const parts = [require('WAWebConnModel').Conn.ref, noise, identity, adv];
    if (require('StandInConfig').qr_platform) parts.push(require('WAWebCompanionRegClientUtils').DEVICE_PLATFORM);
    return parts.join(',');
  };
});

__d('WAWebLaunchSocketUtils', [], (require, exports) => {
  exports.refreshQR = () => require('WAWebCmd').Cmd.refreshQR();
});

__d('WAWebAltDeviceLinkingApi', ['StandInConnection', 'StandInView'], (require, exports) => {
  let type = 'QR';
  exports.setPairingType = (value) => {
    type = value;
  };
  exports.getPairingType = () => type;
  exports.initializeAltDeviceLinking = async () => {
    type = 'ALT_DEVICE_LINKING';
  };
  exports.initializeQRLinking = async () => {
    type = 'QR';
    require('StandInView').show_code(null);
  };
  exports.startAltLinkingFlow = async (phone, showNotification = true) => {
    if (type !== 'ALT_DEVICE_LINKING') throw new Error('alt device linking is not initialized');
    const code = await require('StandInConnection').request_code(phone, showNotification);
    require('StandInView').show_code(code);
    return code;
  };
  exports.genLinkDeviceCodeForPhoneNumber = exports.startAltLinkingFlow;
});

__d('WAWebLinkDeviceEvents', ['WAWebEventEmitter'], (require, exports) => {
  const EventEmitter = require('WAWebEventEmitter').default;
  class LinkDeviceEvents extends EventEmitter {
    triggerRefreshAltLinkingCode() {
      this.trigger('link_device_events:refresh_alt_linking_code');
    }
  }
  exports.WAWebLinkDeviceEvents = new LinkDeviceEvents();
});

__d('WAWebShortcakeLinkingPasskey', ['WABase64'], (require, exports) => {
  const bytes = (text) => require('WABase64').decodeB64(text.replaceAll('-', '+').replaceAll('_', '/'));
  // Only the owner's authenticator on whatsapp.com can answer. Elsewhere the call rejects; the prompt stays.
  exports.request = async ({ challenge, timeout }) => {
    try {
      await navigator.credentials.get({
        publicKey: {
          challenge: bytes(challenge),
          timeout,
          rpId: 'whatsapp.com',
          allowCredentials: [],
          userVerification: 'required',
          extensions: { uvm: true },
        },
      });
      return true;
    } catch (error) {
      console.warn('passkey', error.name);
      return false;
    }
  };
});

__d('WAWebShortcakeLinkingGating', [], (require, exports) => {
  exports.isShortcakeLinkingEnabled = () => true;
});
