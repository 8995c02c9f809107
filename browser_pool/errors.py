"""What can go wrong with a slot, as types: each carries the reason code that a session ends with."""

from __future__ import annotations

from storage.errors import LinkpoolError
from storage.models import ReasonCode


class SlotError(LinkpoolError):
    """A slot cannot go on; `reason` is what the session's record will say."""

    reason = ReasonCode.BROWSER_CRASH


class LaunchFailed(SlotError):
    """Chromium did not answer on its debugging port in time."""

    reason = ReasonCode.LAUNCH_TIMEOUT


class ProfileBusy(SlotError):
    """Another process holds this profile; two browsers on one profile destroy it."""

    reason = ReasonCode.LAUNCH_TIMEOUT


class PageUnreachable(SlotError):
    """WhatsApp Web did not answer, or answered with a server error."""

    reason = ReasonCode.PAGE_UNREACHABLE


class LoadTimedOut(SlotError):
    """The page answered, but its modules did not appear in time."""

    reason = ReasonCode.LOAD_TIMEOUT


class BrowserRefused(SlotError):
    """The page says that it does not support this browser."""

    reason = ReasonCode.BROWSER_REFUSED


class QrTimedOut(SlotError):
    """The page loaded, but never showed a QR."""

    reason = ReasonCode.QR_TIMEOUT


class LinkTimedOut(SlotError):
    """The phone accepted, but the page never got connected."""

    reason = ReasonCode.LINK_TIMEOUT


class BrowserGone(SlotError):
    """The browser or its page died."""

    reason = ReasonCode.BROWSER_CRASH


class PageHostile(BrowserGone):
    """The page flooded us, or left the site; its browser was killed for it."""

    reason = ReasonCode.PAGE_BROKEN


class PageBroken(SlotError):
    """A lookup in the page failed: WhatsApp Web may have changed. The message names the lookup."""

    reason = ReasonCode.PAGE_BROKEN


class StoreAway(SlotError):
    """The login has to be brought back from the object store, and the store does not answer. Waited for,
    however long: an error is never taken for an absence."""

    reason = ReasonCode.STORE_UNAVAILABLE


class LoginLost(SlotError):
    """The page of a linked session came up without its login, and nobody had logged it out."""

    reason = ReasonCode.RESTORE_CORRUPT


class NothingToRestore(SlotError):
    """A linked session has neither a profile here nor a snapshot."""

    reason = ReasonCode.RESTORE_MISSING


class CaptureFailed(LinkpoolError):
    """The profile could not be copied; nothing was changed, and the last snapshot is still the newest."""


class SnapshotsOff(LinkpoolError):
    """This node saves no snapshots; its settings say why."""


class NotRunning(LinkpoolError):
    """This node has no browser for the session, or not in a state that allows the action."""
