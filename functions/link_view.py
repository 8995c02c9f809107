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
LATE = timedelta(seconds=15)
"""A start takes two to five seconds, a new QR one; after this the page stops promising."""
CODE_COMES_WITHIN = timedelta(seconds=30)
"""A code that was asked for and is not here by now does not come; the form is shown again."""
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


class Way(StrEnum):
    """What is asked for in the address (`by`): the other way is one tap away."""

    QR = "qr"
    PHONE = "phone"


SHOWS_LINKED = frozenset({Screen.LINKED, Screen.LINKED_WITHOUT_NUMBER, Screen.RECONNECTING})
"""The account is ours: its number may be shown, and the way back is open."""

OFFERS_NEW_QR = frozenset({Screen.EXPIRED, Screen.LOGGED_OUT, Screen.FAILED, Screen.PASSKEY})

BEFORE_SCAN = frozenset({Screen.NOT_STARTED, Screen.QUEUED, Screen.PREPARING, Screen.SCAN})

OFFERS_PAIRING = BEFORE_SCAN | {Screen.CODE, Screen.EXPIRED, Screen.LOGGED_OUT}
"""The person can link with the phone number instead."""

OFFERS_WAY_BACK = SHOWS_LINKED | {Screen.EXPIRED, Screen.LOGGED_OUT, Screen.FAILED, Screen.REPLACED}
"""There is a result to bring to the backend, good or bad."""


@dataclass(frozen=True, kw_only=True)
class LinkView:
    """One screen, how long what it shows is alive, and when to look again."""

    session: Session
    screen: Screen
    ends_in: timedelta | None
    """Until the QR, the code or the passkey question on the screen is dead."""
    poll_after: timedelta
    by_phone: bool
    """The reader is on the phone, or wants a code: the number is asked for before anything is shown."""
    late: bool
    """It takes longer than it should."""

    def fingerprint(self) -> str:
        """Equal for two views of one session that differ by the running countdown only."""
        session = self.session
        return (
            f"{session.id} {session.version} {self.screen} {self.poll_after.total_seconds()} "
            f"{self.by_phone} {self.late}"
        )


def view_of(session: Session, now: datetime, way: Way | None = None, *, on_phone: bool = False) -> LinkView:
    """Decide the screen at this moment, for a reader who chose a way or none, on a phone or elsewhere."""
    screen = _screen(session, now)
    if screen is Screen.CODE and way is Way.QR and session.live_qr(now) is not None:
        screen = Screen.SCAN
    wants_code = way is Way.PHONE or (way is None and on_phone)
    by_phone = wants_code and screen in BEFORE_SCAN and not _code_is_coming(session, now)
    ends_at = {
        Screen.SCAN: session.qr_expires_at,
        Screen.CODE: session.pairing_expires_at,
        Screen.PASSKEY: session.passkey_expires_at,
    }.get(screen)
    ends_in = ends_at - now if ends_at is not None and ends_at > now and not by_phone else None
    late = screen is Screen.PREPARING and now - _last_news(session) > LATE
    return LinkView(
        session=session,
        screen=screen,
        ends_in=ends_in,
        poll_after=POLL_QUEUE if by_phone or late else _poll_after(session, screen, ends_in),
        by_phone=by_phone,
        late=late,
    )


def _code_is_coming(session: Session, now: datetime) -> bool:
    """Asked for, and not here: the browser is still on its way to it."""
    if session.requested_phone is None or not session.started or session.pairing_code is not None:
        return False
    return (
        session.status is not SessionStatus.QR_SCANNING or now - session.last_activity_at < CODE_COMES_WITHIN
    )


def _last_news(session: Session) -> datetime:
    """The last event, or the end of the QR that it brought."""
    return max(session.last_activity_at, session.qr_expires_at or session.last_activity_at)


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
