// The connection and the account as models: state of the socket, own number, name, commands.
'use strict';

__d('WAWebSocketModel', ['WAWebBaseModel'], (require, exports) => {
  const { BaseModel } = require('WAWebBaseModel');
  class Socket extends BaseModel {
    takeover() {
      require('StandInConnection').takeover();
    }
    logout() {
      return require('StandInConnection').logout();
    }
    poke() {
      require('StandInConnection').refresh();
    }
  }
  exports.SocketImpl = Socket;
  exports.Socket = new Socket({ state: 'UNLAUNCHED', stream: 'DISCONNECTED', hasSynced: false, launched: false });
});

__d('WAWebSocketConstants', [], (require, exports) => {
  const named = (...names) => Object.fromEntries(names.map((name) => [name, name]));
  exports.SOCKET_STATE = named(
    'OPENING', 'PAIRING', 'UNPAIRED', 'UNPAIRED_IDLE', 'CONNECTED', 'TIMEOUT', 'CONFLICT', 'UNLAUNCHED', 'PROXYBLOCK',
    'TOS_BLOCK', 'SMB_TOS_BLOCK', 'DEPRECATED_VERSION',
  );
  exports.SOCKET_STREAM = named('DISCONNECTED', 'SYNCING', 'RESUMING', 'CONNECTED');
  exports.WATCHED_SOCKET_STATE = named('CONNECTED', 'RESUMING', 'CLOSING', 'CLOSED');
});

__d('WAWebStreamModel', ['WAWebBaseModel'], (require, exports) => {
  const { BaseModel } = require('WAWebBaseModel');
  const named = (...names) => Object.fromEntries(names.map((name) => [name, name]));
  class Stream extends BaseModel {
    markAvailable() {
      this.set({ available: true });
    }
    markUnavailable() {
      this.set({ available: false });
    }
  }
  exports.StreamInfo = named('OFFLINE', 'OPENING', 'PAIRING', 'SYNCING', 'RESUMING', 'CONNECTING', 'NORMAL', 'TIMEOUT');
  exports.StreamMode = named('QR', 'MAIN', 'SYNCING', 'OFFLINE', 'CONFLICT', 'PROXYBLOCK', 'TOS_BLOCK', 'SMB_TOS_BLOCK');
  exports.StreamImpl = Stream;
  exports.Stream = new Stream({
    mode: 'OFFLINE', info: 'OPENING', available: false, needsUpdate: false, displayInfo: 'OPENING',
  });
});

__d('WAWebConnModel', ['WAWebBaseModel', 'WAWebWidFactory'], (require, exports) => {
  const { BaseModel } = require('WAWebBaseModel');
  class Conn extends BaseModel {
    canSetMyPushname() {
      return true;
    }
  }
  exports.ConnImpl = Conn;
  exports.Conn = new Conn({
    ref: undefined, refTTL: undefined, connected: false, wid: undefined, me: undefined, lid: undefined,
    pushname: undefined, platform: undefined, battery: undefined, plugged: undefined, is24h: true, smbTos: 0,
  });
});

__d('WAWebCmd', ['WAWebEventEmitter'], (require, exports) => {
  const EventEmitter = require('WAWebEventEmitter').default;
  class CmdImpl extends EventEmitter {
    isMainLoaded = false;
    refreshQR() {
      require('StandInConnection').refresh();
    }
    async archiveChat(chat, archive) {
      chat.set({ archive });
    }
    async pinChat(chat, pin) {
      chat.set({ pin: pin ? Date.now() : 0 });
    }
  }
  exports.CmdImpl = CmdImpl;
  exports.Cmd = new CmdImpl();
});

__d('WAWebOfflineHandler', ['WAWebCmd'], (require, exports) => {
  let percent = 0;
  exports.OfflineMessageHandler = {
    getOfflineDeliveryProgress: () => percent,
    setOfflineDeliveryProgress: (value) => {
      percent = value;
      require('WAWebCmd').Cmd.trigger('offline_progress_update_from_bridge');
    },
  };
});

__d('WAWebUserPrefsMeUser', ['StandInIdentity', 'WAWebWidFactory'], (require, exports) => {
  const { createUserWid } = require('WAWebWidFactory');
  const me = () => require('StandInIdentity').get()?.me;
  const or_throw = (read) => () => {
    const wid = read();
    if (!wid) throw new Error('this device is not linked');
    return wid;
  };
  exports.getMaybeMePnUser = () => (me()?.number ? createUserWid(me().number) : null);
  exports.getMaybeMeLidUser = () => (me()?.lid ? createUserWid(me().lid, 'lid') : null);
  exports.getMePnUserOrThrow = or_throw(exports.getMaybeMePnUser);
  exports.getMeLidUserOrThrow = or_throw(exports.getMaybeMeLidUser);
  exports.getMaybeMeDevicePn = exports.getMaybeMePnUser;
  exports.getMaybeMeDeviceLid = exports.getMaybeMeLidUser;
  exports.isMeAccount = (wid) => [exports.getMaybeMePnUser(), exports.getMaybeMeLidUser()].some((own) => own?.equals(wid));
  exports.isMePrimary = exports.isMeAccount;
});

__d('WAWebUserPrefsGeneral', [], (require, exports) => {
  for (const kind of ['Photos', 'Audio', 'Videos', 'Documents']) {
    exports[`getAutoDownload${kind}`] = () => false;
    exports[`setAutoDownload${kind}`] = () => {};
  }
  exports.getTheme = () => 'light';
  exports.setTheme = () => {};
});

__d('WAWebAuthState', ['StandInIdentity'], (require, exports) => {
  exports.isLoggedIn = () => Boolean(require('StandInIdentity').get()?.me);
  exports.isRegistered = exports.isLoggedIn;
});
