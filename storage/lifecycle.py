"""How a session changes: pure functions from a session and what happened to the session afterwards.

Rule: `status` is set here and nowhere else, and only by `next_status`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from storage.events import EventType, NodeEvent
from storage.facts import Facts, facts_of
from storage.models import ENDED, LINKED, Phase, ReasonCode, SessionStatus, Wanted, next_status
from storage.sessions import Session

RESTARTS_FRESH = frozenset({SessionStatus.LOGGED_OUT, SessionStatus.EXPIRED})
"""After these the login in the profile is dead or was never made. After `failed` it may be alive."""

_DEFAULT_PHASE = {
    SessionStatus.STARTING: Phase.LAUNCHING,
    SessionStatus.QR_SCANNING: Phase.WAITING_FOR_SCAN,
    SessionStatus.PASSKEY_REQUIRED: Phase.LINKING,
    SessionStatus.AUTHENTICATED: Phase.LINKING,
}

_DEFAULT_REASON = {
    EventType.PASSKEY_REQUIRED: ReasonCode.PASSKEY.value,
    EventType.SESSION_EXPIRED: ReasonCode.QR_TIMEOUT.value,
    EventType.SESSION_LOGGED_OUT: ReasonCode.WA_LOGOUT.value,
    EventType.SESSION_REPLACED: ReasonCode.WA_CONFLICT.value,
    EventType.SESSION_DISCONNECTED: ReasonCode.SOCKET_LOST.value,
}
"""Where the event's name says the reason well enough."""


def _move(session: Session, event: EventType, facts: Facts, now: datetime) -> Session | None:
    """Take one row of the table of transitions; None when the event does not fit."""
    status = next_status(session.status, event)
    if status is None:
        return None
    after = replace(session, status=status, version=session.version + 1, last_activity_at=now)
    if status is not session.status or event is not EventType.SESSION_PROGRESSED:
        after = replace(after, progress_percent=None)
    if status is not session.status:
        after = replace(
            after,
            phase=_DEFAULT_PHASE.get(status),
            reason_code=_DEFAULT_REASON.get(event),
            reason_message=None,
        )
        if status is not SessionStatus.QUEUED:
            after = replace(after, queue_position=None, queue_estimated_wait_ms=None)
        if status is not SessionStatus.QR_SCANNING:
            after = _without_codes(after)
        if status is not SessionStatus.PASSKEY_REQUIRED:
            after = replace(after, passkey_expires_at=None)
    after = replace(after, **{name: value for name, value in facts.items() if not _says_less(name, value)})
    if status in ENDED and status is not session.status and after.wanted is not Wanted.ERASED:
        after = replace(after, wanted=Wanted.CLOSED)
    if status not in LINKED:
        after = replace(after, is_primary=False)
    return after


def _says_less(name: str, value: object) -> bool:
    """A missing reason does not replace the one that the event's name gives."""
    return name == "reason_code" and value is None


def _without_codes(session: Session) -> Session:
    return replace(
        session,
        qr_text=None,
        qr_expires_at=None,
        pairing_code=None,
        pairing_phone_number=None,
        pairing_expires_at=None,
    )


def after_event(session: Session, event: NodeEvent, now: datetime) -> Session | None:
    """The session after a node's event, or None when the event does not fit. Raises BadMessage."""
    facts = facts_of(event)
    if event.type is EventType.SESSION_READY:
        if (
            session.status in LINKED
        ):  # back again, and still the same account: what is missing has not changed
            facts = {name: value for name, value in facts.items() if value is not None}
        known = facts.get("phone_number") or (session.status in LINKED and session.phone_number)
        facts["phase"] = None if known else Phase.READING_PHONE
    after = _move(session, event.type, facts, now)
    if after is None:
        return None
    if event.type in {EventType.SESSION_AUTHENTICATED, EventType.SESSION_READY}:
        after = replace(
            after, fresh=False
        )  # the login of this start is alive; a repeated spec must not forget it
    if after.status in LINKED and session.status not in LINKED:
        after = replace(after, connected_at=now)
    return replace(after, last_seq=event.seq)


def after_restart(session: Session, node_id: str | None, now: datetime) -> Session | None:
    """A (re)start that the backend asked for: a new generation, so what the old run still says is stale."""
    after = _move(session, EventType.RESTART_REQUESTED, {}, now)
    if after is None:
        return None
    if session.status not in LINKED and session.status is not SessionStatus.AUTHENTICATED:
        after = replace(after, connected_at=None, fresh=session.status in RESTARTS_FRESH or session.fresh)
    if after.fresh:
        after = without_account(after)
    return _owned(replace(after, wanted=Wanted.OPEN, start_seq=session.start_seq + 1), node_id)


def after_placement(session: Session, node_id: str | None) -> Session:
    """Another node takes the session, or none has it for now; its status stays until a node reports."""
    return _owned(replace(session, version=session.version + 1), node_id)


def after_node_lost(session: Session, node_id: str, now: datetime) -> Session:
    """Another node takes over from one that is lost; what was connected is reconnecting until it is there."""
    lost = None
    if session.status is SessionStatus.CONNECTED:
        reason = {"reason_code": ReasonCode.NODE_LOST.value}
        lost = _move(session, EventType.SESSION_DISCONNECTED, reason, now)
    return _owned(lost or replace(session, version=session.version + 1), node_id)


def _owned(session: Session, node_id: str | None) -> Session:
    moved = None not in (node_id, session.node_id) and node_id != session.node_id
    return replace(
        session,
        generation=session.generation + 1,
        last_seq=0,
        node_id=node_id,
        owned_since=session.generation + 1 if moved else session.owned_since,
        moving_to=None,
        node_url=None,
        node_index=None,
    )


def after_logout_wish(session: Session, now: datetime) -> Session:
    """The backend wants the device removed; `session_logged_out` will say that it is."""
    return replace(session, wanted=Wanted.LOGGED_OUT, version=session.version + 1, last_activity_at=now)


def after_replacement(session: Session, by: str, now: datetime) -> Session:
    """A newer link of the same number stays; this one's device has to be removed from the account."""
    after = _ended_here(session, EventType.SESSION_REPLACED, {"reason_code": ReasonCode.DUPLICATE.value}, now)
    return replace(after, replaced_by=by, requested_phone=None)


def after_refusal(session: Session, duplicate_of: str, now: datetime) -> Session:
    """An older link of the same number stays; this one may start anew, with another account."""
    reason = {
        "reason_code": ReasonCode.DUPLICATE.value,
        "reason_message": f"the number is linked already, by session {duplicate_of}",
    }
    after = _ended_here(session, EventType.SESSION_FAILED, reason, now)
    return replace(after, fresh=True, connected_at=None)


def after_wrong_number(session: Session, now: datetime) -> Session:
    """Not the account that the workspace waits for: its device is removed, and another may be linked."""
    reason = {
        "reason_code": ReasonCode.WRONG_NUMBER.value,
        "reason_message": "another number was linked than the one that is expected",
    }
    after = _ended_here(session, EventType.SESSION_FAILED, reason, now)
    return replace(after, fresh=True, connected_at=None, requested_phone=None)


def after_link_replaced(session: Session, token_hash: str, until: datetime) -> Session:
    """A new address for the hosted page, which belongs to no browser yet. The one before is dead."""
    return replace(
        session,
        version=session.version + 1,
        link_seq=session.link_seq + 1,
        link_token_hash=token_hash,
        link_expires_at=until,
        link_browser_sha256=None,
        link_revoked_at=None,
    )


def after_link_revoked(session: Session, now: datetime) -> Session:
    """The address stays known, so that the page can say that it was ended."""
    return replace(session, version=session.version + 1, link_revoked_at=now)


def _ended_here(session: Session, event: EventType, facts: Facts, now: datetime) -> Session:
    """The end of a linked session that its node has not heard of yet."""
    after = _move(session, event, facts, now)
    if after is None:  # the table lets every linked session end so
        raise AssertionError(f"session {session.id}: {event} does not fit {session.status}")
    wanted = Wanted.CLOSED if session.node_id is None else Wanted.LOGGED_OUT
    return replace(without_account(after), wanted=wanted)


def without_account(session: Session) -> Session:
    """What belongs to the account that was linked, forgotten. Its chats go with `chats_synced_at`."""
    return replace(
        session,
        phone_number=None,
        display_name=None,
        platform=None,
        chats_synced_at=None,
        chats_count=None,
    )


def after_device_removed(session: Session, *, gave_up: bool) -> Session:
    """No node holds the login of an ended session any more, or nobody got it removed and it is destroyed.

    A replaced session never comes back, so its snapshots have to go as well; a refused one may start anew.
    """
    for_good = gave_up or session.status is SessionStatus.REPLACED
    return replace(session, wanted=Wanted.ERASED if for_good else Wanted.CLOSED)


def after_chats_synced(session: Session, count: int, now: datetime) -> Session | None:
    """The backend has read the chats; None when the session ended meanwhile."""
    if session.status not in LINKED:
        return None
    return _move(session, EventType.CHATS_SYNCED, {"chats_synced_at": now, "chats_count": count}, now)


def after_delete(session: Session, now: datetime) -> Session:
    """Nothing of the account stays readable. The id stays as long as events do, for a true answer."""
    if session.status is SessionStatus.DELETED:
        return session
    after = _move(session, EventType.DELETE_REQUESTED, {}, now)
    if after is None:  # the table lets every state be deleted
        raise AssertionError(f"session {session.id}: {session.status} cannot be deleted")
    return replace(
        without_account(_without_codes(after)),
        wanted=Wanted.ERASED,
        deleted_at=now,
        erased_at=now if session.node_id is None else None,
        requested_phone=None,
        metadata={},
        proxy=None,
        return_url=None,
        reason_message=None,
        expected_phone=None,
        link_token_hash=None,
        link_expires_at=None,
        link_browser_sha256=None,
    )
