"""The vocabulary: states, phases, reasons, and the one table of transitions.

A session's state changes in one place only, by `next_status`. Everything else reads.
"""

from __future__ import annotations

from enum import StrEnum

from storage.events import EventType


class SessionStatus(StrEnum):
    """Where a session stands. Wire names; never rename."""

    CREATED = "created"
    QUEUED = "queued"
    STARTING = "starting"
    QR_SCANNING = "qr_scanning"
    PASSKEY_REQUIRED = "passkey_required"
    AUTHENTICATED = "authenticated"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    HIBERNATED = "hibernated"
    EXPIRED = "expired"
    LOGGED_OUT = "logged_out"
    FAILED = "failed"
    REPLACED = "replaced"
    DELETED = "deleted"


class Phase(StrEnum):
    """Honest progress inside a state, for the page and the operator."""

    LAUNCHING = "launching"
    LOADING = "loading"
    WAITING_FOR_QR = "waiting_for_qr"
    WAITING_FOR_SCAN = "waiting_for_scan"
    LINKING = "linking"
    SYNCING = "syncing"
    READING_PHONE = "reading_phone"


class ReasonCode(StrEnum):
    """Why a session is where it is. Wire names; add, never rename."""

    QR_TIMEOUT = "qr_timeout"
    LAUNCH_TIMEOUT = "launch_timeout"
    LOAD_TIMEOUT = "load_timeout"
    LINK_TIMEOUT = "link_timeout"
    BROWSER_REFUSED = "browser_refused"
    BROWSER_CRASH = "browser_crash"
    PAGE_UNREACHABLE = "page_unreachable"
    PAGE_BROKEN = "page_broken"
    SOCKET_LOST = "socket_lost"
    NODE_LOST = "node_lost"
    WA_LOGOUT = "wa_logout"
    WA_CONFLICT = "wa_conflict"
    PASSKEY = "passkey"
    RESTORE_CORRUPT = "restore_corrupt"
    RESTORE_MISSING = "restore_missing"
    STORE_UNAVAILABLE = "store_unavailable"
    CAPACITY = "capacity"
    MEMORY_LIMIT = "memory_limit"
    REQUESTED = "requested"
    DUPLICATE = "duplicate"
    WRONG_NUMBER = "wrong_number"
    ACCOUNT_RESTRICTED = "account_restricted"


class Wanted(StrEnum):
    """What the backend wants of a session. The heartbeat repeats it until the node's facts agree."""

    OPEN = "open"
    """A browser should hold this session, or be on its way to."""
    CLOSED = "closed"
    """No browser; the profile stays on disk."""
    LOGGED_OUT = "logged_out"
    """The device should be removed from the account, then closed."""
    ERASED = "erased"
    """The device removed, the profile and everything about it destroyed."""


FINAL = frozenset({SessionStatus.REPLACED, SessionStatus.DELETED})
"""States that nothing leaves, but deletion."""

ENDED = frozenset({SessionStatus.EXPIRED, SessionStatus.LOGGED_OUT, SessionStatus.FAILED}) | FINAL
"""States in which no browser is held."""

LINKED = frozenset({SessionStatus.CONNECTED, SessionStatus.RECONNECTING, SessionStatus.HIBERNATED})
"""States in which the account is ours and a QR must never be shown."""

LINKING = frozenset(
    {
        SessionStatus.CREATED,
        SessionStatus.QUEUED,
        SessionStatus.STARTING,
        SessionStatus.QR_SCANNING,
        SessionStatus.PASSKEY_REQUIRED,
        SessionStatus.AUTHENTICATED,
    }
)
"""States on the way to a link."""

_S, _E = SessionStatus, EventType
_UNSCANNED = LINKING - {_S.AUTHENTICATED}


def _from(sources: frozenset[SessionStatus], event: EventType, target: SessionStatus) -> Transitions:
    return {(source, event): target for source in sources}


Transitions = dict[tuple[SessionStatus, EventType], SessionStatus]

TRANSITIONS: Transitions = {
    # on the way to a link
    **_from(frozenset({_S.CREATED, _S.QUEUED}), _E.SESSION_QUEUED, _S.QUEUED),
    **_from(LINKING, _E.SESSION_STARTING, _S.STARTING),
    **_from(_UNSCANNED, _E.QR_CODE_GENERATED, _S.QR_SCANNING),
    **_from(_UNSCANNED, _E.PAIRING_CODE_GENERATED, _S.QR_SCANNING),
    **_from(LINKING, _E.PASSKEY_REQUIRED, _S.PASSKEY_REQUIRED),
    **_from(LINKING, _E.SESSION_AUTHENTICATED, _S.AUTHENTICATED),
    **_from(LINKING | LINKED, _E.SESSION_READY, _S.CONNECTED),
    # linked: the browser or its socket comes and goes, the account stays
    **_from(frozenset({_S.CONNECTED, _S.RECONNECTING}), _E.SESSION_DISCONNECTED, _S.RECONNECTING),
    **_from(LINKED, _E.SESSION_RECONNECTED, _S.CONNECTED),
    **_from(LINKED, _E.SESSION_HIBERNATED, _S.HIBERNATED),
    **_from(LINKED, _E.SESSION_WOKEN, _S.CONNECTED),
    # ends
    **_from(_UNSCANNED, _E.SESSION_EXPIRED, _S.EXPIRED),
    **_from(LINKING | LINKED, _E.SESSION_LOGGED_OUT, _S.LOGGED_OUT),
    **_from(LINKING | LINKED, _E.SESSION_FAILED, _S.FAILED),
    **_from(LINKED, _E.SESSION_REPLACED, _S.REPLACED),
    # what the backend asks for
    **_from(_UNSCANNED | {_S.EXPIRED, _S.FAILED, _S.LOGGED_OUT}, _E.RESTART_REQUESTED, _S.CREATED),
    **_from(LINKED, _E.RESTART_REQUESTED, _S.RECONNECTING),
    (_S.AUTHENTICATED, _E.RESTART_REQUESTED): _S.AUTHENTICATED,
    **_from(frozenset(SessionStatus), _E.DELETE_REQUESTED, _S.DELETED),
}

FACTS_WITHOUT_TRANSITION = frozenset(
    {
        _E.SESSION_PROGRESSED,
        _E.SESSION_RESTORED,
        _E.SNAPSHOT_SAVED,
        _E.SNAPSHOT_VERIFIED,
        _E.CHATS_SYNCED,
        _E.PHONE_RESOLVED,
    }
)
"""Events that add a fact and leave the state alone, while the session lasts."""

ALWAYS_FIT = frozenset({_E.SNAPSHOTS_DESTROYED})
"""Facts that are told of a session that has ended as well."""


def next_status(status: SessionStatus, event: EventType) -> SessionStatus | None:
    """The state after this event, or None when the event does not fit and must change nothing."""
    if event in ALWAYS_FIT:
        return status
    if event in FACTS_WITHOUT_TRANSITION:
        return None if status in ENDED else status
    return TRANSITIONS.get((status, event))
