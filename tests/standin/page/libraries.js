// Modules that only libraries ask for: enough of each for a library to find it and to go on.
'use strict';

__d('WAWebBuildConstants', ['StandInConfig'], (require, exports) => {
  const { version } = require('StandInConfig');
  const [primary, secondary, tertiary] = version.split('.');
  Object.assign(exports, {
    VERSION_STR: version, VERSION_BASE: version, VERSION_PRIMARY: primary, VERSION_SECONDARY: secondary,
    VERSION_TERTIARY: tertiary, WINDOWS_BUILD: null, SANITIZED_VERSION_STR: version,
  });
});

__d('WAWebBackendEventBus', ['WAWebEventEmitter'], (require, exports) => {
  const EventEmitter = require('WAWebEventEmitter').default;
  exports.BackendEvent = { SET_SOCKET_STATE: 'set_socket_state', LOGOUT: 'logout' };
  exports.BackendEventBus = new EventEmitter();
});

__d('WAWebNetworkStatus', ['WAWebBaseModel'], (require, exports) => {
  const { BaseModel } = require('WAWebBaseModel');
  class NetworkStatus extends BaseModel {
    checkOnline() {
      return navigator.onLine;
    }
  }
  exports.default = new NetworkStatus({ online: true });
});

__d('WAWebLogoutReason', [], (require, exports) => {
  exports.LogoutReason = { UserInitiated: 'user_initiated', PrimaryLogout: 'primary_logout' };
  exports.LOGOUT_REASON_CODE = { UserInitiated: 0, PrimaryLogout: 1 };
  exports.getErrorCodeFromLogoutReason = (reason) => exports.LOGOUT_REASON_CODE[reason] ?? 0;
});

__d('WAWebMiscBrowserUtils', [], (require, exports) => {
  exports.info = () => ({ os: 'Mac OS', name: 'Chrome', version: '10.15', ua: navigator.userAgent });
  exports.hardRefresh = () => location.reload();
  exports.default = { info: exports.info, hardRefresh: exports.hardRefresh };
});

__d('WAWebChatGetters', [], (require, exports) => {
  exports.getIsNewsletter = (chat) => chat.id.isNewsletter();
  exports.getIsBroadcast = (chat) => chat.id.isBroadcast();
  exports.getIsGroup = (chat) => chat.id.isGroup();
  exports.getHasUnread = (chat) => chat.unreadCount > 0;
  exports.getShouldAppearInList = () => true;
});

__d('WAWebLidMigrationUtils', [], (require, exports) => {
  exports.toPn = (wid) => wid;
  exports.toLid = (wid) => wid;
  exports.Lid1X1MigrationUtils = { isLidMigrated: () => true };
});

__d('WAWebSyncGatingUtils', [], (require, exports) => {
  exports.isPlaceholderMessageResendEnabled = () => false;
});

__d('WAWebAddonReactionTableMode', [], (require, exports) => {
  exports.reactionTableMode = { bulkUpsert: async () => {} };
});

__d('WAWebAddonPollVoteTableMode', [], (require, exports) => {
  exports.pollVoteTableMode = { bulkUpsert: async () => {} };
});

__d('WAWebOfficialClient', [], (require, exports) => {
  exports.isOfficialClient = true;
});

__d('WAWebChatSearchQuery', [], (require, exports) => {
  exports.SearchQuery = class SearchQuery {
    updateLabelQuery(filter) {
      this.filter = filter;
    }
  };
});

// Contact getters: a name is what we know of a contact.
for (const [module, names] of [
  ['WAWebContactGetters', [
    'Userid', 'VerifiedName', 'VerifiedLevel', 'StatusMute', 'Name', 'ShortName', 'Pushname', 'NotifyName', 'IsIAS',
    'IsMe', 'IsGroup', 'IsUser', 'IsWAContact', 'IsSupportAccount', 'CanRequestPhoneNumber', 'IsDisplayNameApproved',
    'ShowBusinessCheckmarkAsPrimary', 'ShowBusinessCheckmarkAsSecondary', 'ShowBusinessCheckmarkInChatlist',
    'ShouldForceBusinessUpdate', 'Userhash',
  ]],
  ['WAWebFrontendContactGetters', [
    'PhoneNumber', 'TextStatusString', 'PnForLid', 'DisplayName', 'DisplayNameOrPnForLid', 'FormattedPhone',
    'FormattedShortNameWithNonBreakingSpaces', 'FormattedShortName', 'FormattedName', 'FormattedUser', 'SearchName',
    'SearchVerifiedName', 'Header', 'IsMyContact', 'MentionName',
  ]],
]) {
  __d(module, [], (require, exports) => {
    for (const name of names) exports[`get${name}`] = (contact) => (/^(Is|Show|Should|Can)/.test(name) ? false : contact.name);
  });
}

// Libraries wrap these functions when they start; the stand-in has no messages, so nothing ever calls them.
for (const [module, names] of Object.entries({
  WAWebE2EProtoGenerator: ['createMsgProtobuf'],
  WAWebSendMsgJob: ['encryptAndSendMsg'],
  WAWebSendMsgCreateFanoutStanza: ['createFanoutMsgStanza', 'encodeMaybeMediaType'],
  WAWebE2EProtoUtils: ['typeAttributeFromProtobuf'],
  WAWebBackendJobsCommon: ['mediaTypeFromProtobuf'],
  WAWebHandleGroupAction: ['updateDBForGroupAction'],
  WAWebHandleChatReceipt: ['handleChatSimpleReceipt'],
  WAWebHandleGroupReceipt: ['handleGroupSimpleReceipt'],
  WAWebHandleStatusReceipt: ['handleStatusSimpleReceipt'],
  WAWebHandleSingleMsg: ['handleSingleMsg'],
  WAWebNonMessageDataRequestPlaceholderMessageResendUtils: ['handlePlaceholderMsgsSeen'],
  WAWebABProps: ['getABPropConfigValue'],
  WAWebPrimaryFeatures: ['primaryFeatureEnabled'],
  WAWebLinkPreview: ['genMinimalLinkPreview'],
  WAWebVideoThumbs: ['generateVideoThumbsAndDuration'],
  WAWebProcessRawSticker: ['processRawSticker'],
  WAWebUploadMedia: ['uploadMedia'],
  WAWebPinnedChats: ['getNumChatsPinned'],
  WAWebLabelItems: ['addToLabelCollection', 'removeLabelFromCollection'],
  WAWebUnreadTypes: ['isUnreadTypeMsg'],
  WAWebChatRecord: ['createChatRecord'],
  WAWebInboxFilters: ['isFilterExcludedFromSearchTreatmentInInboxFlow'],
  WAWebPollVotes: ['upsertVotesDb'],
  WAWebReactions: ['addOrUpdateReactionsModelCollection'],
})) {
  __d(module, [], (require, exports) => {
    for (const name of names) exports[name] = () => null;
  });
}
