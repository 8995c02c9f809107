"""What the hosted page shows for a session: one screen, decided from the record and the time.

Rule: the page shows a fact only while it is true. A QR past its time is not shown, and "linked" is not
said before the phone number is there or has been waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from storage.models import Phase, SessionStatus
from storage.sessions import Session

POLL_SOON = timedelta(milliseconds=300)
"""Something is about to happen: half of the 600 ms in which a new fact should be painted."""
POLL_LINKING = timedelta(milliseconds=150)
"""The phone accepted: the number comes within a second, and somebody stares at the page."""
POLL_SCAN = timedelta(milliseconds=500)
"""A QR waits for a person, who takes seconds."""
POLL_QUEUE = timedelta(seconds=1)
"""The place in the queue changes about as often as a browser starts."""
POLL_SETTLED = timedelta(seconds=10)
"""Linked or ended: only a rare change made elsewhere would show."""

QR_ENDS_SOON = timedelta(seconds=2)
"""The next ref arrives around the end of this one; look early, so that no dead QR stays on the page."""
QUEUE_NEARLY_DUE = timedelta(seconds=3)
NUMBER_GRACE = timedelta(seconds=20)
"""WhatsApp may tell the number after the link; until then the page says that it is still reading it."""


class Screen(StrEnum):
    """What the page shows, one at a time."""

    NOT_STARTED = "not_started"
    QUEUED = "queued"
    PREPARING = "preparing"
    SCAN = "scan"
    CODE = "code"
    PASSKEY = "passkey"
    LINKING = "linking"
    LINKED = "linked"
    LINKED_WITHOUT_NUMBER = "linked_without_number"
    RECONNECTING = "reconnecting"
    EXPIRED = "expired"
    LOGGED_OUT = "logged_out"
    FAILED = "failed"
    REPLACED = "replaced"
    DELETED = "deleted"


SHOWS_LINKED = frozenset({Screen.LINKED, Screen.LINKED_WITHOUT_NUMBER, Screen.RECONNECTING})
"""The account is ours: its number may be shown, and the way back is open."""

OFFERS_NEW_QR = frozenset({Screen.EXPIRED, Screen.LOGGED_OUT, Screen.FAILED, Screen.PASSKEY})

OFFERS_PAIRING = frozenset(
    {Screen.NOT_STARTED, Screen.PREPARING, Screen.SCAN, Screen.CODE, Screen.EXPIRED, Screen.LOGGED_OUT}
)
"""The person can link with the phone number instead."""


@dataclass(frozen=True, kw_only=True)
class LinkView:
    """One screen, how long what it shows is alive, and when to look again."""

    session: Session
    screen: Screen
    ends_in: timedelta | None
    """Until the QR, the code or the passkey question on the screen is dead."""
    poll_after: timedelta

    def fingerprint(self) -> str:
        """Equal for two views of one session that differ by the running countdown only."""
        return f"{self.session.id} {self.session.version} {self.screen} {self.poll_after.total_seconds()}"


def view_of(session: Session, now: datetime) -> LinkView:
    """Decide the screen at this moment."""
    screen = _screen(session, now)
    ends_at = {
        Screen.SCAN: session.qr_expires_at,
        Screen.CODE: session.pairing_expires_at,
        Screen.PASSKEY: session.passkey_expires_at,
    }.get(screen)
    ends_in = ends_at - now if ends_at is not None and ends_at > now else None
    return LinkView(
        session=session, screen=screen, ends_in=ends_in, poll_after=_poll_after(session, screen, ends_in)
    )


def _screen(session: Session, now: datetime) -> Screen:
    match session.status:
        case SessionStatus.CREATED:
            return Screen.PREPARING if session.started else Screen.NOT_STARTED
        case SessionStatus.QUEUED:
            return Screen.QUEUED
        case SessionStatus.STARTING:
            return Screen.PREPARING
        case SessionStatus.QR_SCANNING if session.phase is Phase.LINKING:
            return Screen.LINKING
        case SessionStatus.QR_SCANNING:
            if session.live_pairing_code(now) is not None:
                return Screen.CODE
            return Screen.PREPARING if session.live_qr(now) is None else Screen.SCAN
        case SessionStatus.PASSKEY_REQUIRED:
            return Screen.PASSKEY
        case SessionStatus.AUTHENTICATED:
            return Screen.LINKING
        case SessionStatus.CONNECTED | SessionStatus.HIBERNATED:
            if session.phone_number is not None:
                return Screen.LINKED
            waited = session.connected_at is None or now - session.connected_at > NUMBER_GRACE
            return Screen.LINKED_WITHOUT_NUMBER if waited else Screen.LINKING
        case SessionStatus.RECONNECTING:
            return Screen.RECONNECTING
        case SessionStatus.EXPIRED:
            return Screen.EXPIRED
        case SessionStatus.LOGGED_OUT:
            return Screen.LOGGED_OUT
        case SessionStatus.FAILED:
            return Screen.FAILED
        case SessionStatus.REPLACED:
            return Screen.REPLACED
        case SessionStatus.DELETED:
            return Screen.DELETED
        case _:
            assert_never(session.status)


def _poll_after(session: Session, screen: Screen, ends_in: timedelta | None) -> timedelta:
    match screen:
        case Screen.LINKING:
            return POLL_LINKING
        case Screen.PREPARING:
            return POLL_SOON
        case Screen.SCAN | Screen.CODE:
            return POLL_SOON if ends_in is not None and ends_in < QR_ENDS_SOON else POLL_SCAN
        case Screen.QUEUED:
            wait = timedelta(milliseconds=session.queue_estimated_wait_ms or 0)
            return POLL_SOON if wait < QUEUE_NEARLY_DUE else POLL_QUEUE
        case Screen.PASSKEY | Screen.RECONNECTING | Screen.LINKED_WITHOUT_NUMBER:
            return POLL_QUEUE
        case _:
            return POLL_SETTLED
