// Start of the page proper, once every module is registered.
'use strict';

__d('StandInApp', ['StandInIdentity', 'StandInConnection', 'StandInView'], (require, exports) => {
  const config = require('StandInConfig');

  function announce_version() {
    if (config.debug === 'absent') return;
    const tell = () => {
      window.Debug = { ...window.Debug, VERSION: config.version };
    };
    if (config.debug === 'late') setTimeout(tell, config.debug_late_ms);
    else tell();
  }

  exports.start = async () => {
    await require('StandInIdentity').load();
    require('WAWebSocketModel').Socket.set({ state: 'OPENING', launched: true });
    announce_version();
    require('StandInView').start();
    require('StandInConnection').start();
  };
});
