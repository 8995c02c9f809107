"""What is known of one session's link: its status, its login, and what the page now open has shown of them.

Rule: the status moves only together with the event that tells of it, by the table that the functions use.
"""

from __future__ import annotations

from typing import Any

from browser_pool import facts
from browser_pool.outcome import Report
from storage.events import EventType
from storage.models import LINKED, ReasonCode, SessionStatus, next_status

BEFORE_SCAN = frozenset({"UNPAIRED", "UNPAIRED_IDLE"})
"""What the socket is called while nobody has scanned."""


class LinkState:
    """Read by everybody around a session. Its tracker writes what the page says; others what they know
    better: whether there is a snapshot, who asked for the logout."""

    def __init__(
        self, *, status: SessionStatus, linked: bool, phone_number: str | None, last_ref: str | None
    ) -> None:
        self.status = status
        self.phone_number = phone_number
        self.last_ref = last_ref
        """The QR last reported: a pool that attaches again must not report it twice."""
        self.has_login = linked
        """A link was completed: its login is on disk, or has to be brought back."""
        self.restorable = False
        """There may be a snapshot to go back to when the page comes up without its login."""
        self.is_revoked = False
        """The page itself said that the device was removed: no copy of this login is of any use."""
        self.logout_reason = ReasonCode.WA_LOGOUT
        """Who removed the device, when it comes to that."""
        self.socket: str | None = None
        self.me: facts.Me | None = None
        self.ref_seen_at: float | None = None
        self.scanned_at: float | None = None
        """Monotonic, as is `ref_seen_at`."""

    @property
    def is_linked(self) -> bool:
        """The account is ours: a QR now means that the phone removed us."""
        return self.has_login or self.status in LINKED or self.status is SessionStatus.AUTHENTICATED

    @property
    def shows_qr(self) -> bool:
        return self.ref_seen_at is not None and not self.is_linked

    @property
    def login_may_be_good(self) -> bool:
        """A login is on disk that nobody has revoked for certain: a QR alone may mean a damaged profile."""
        return self.has_login and not self.is_revoked

    @property
    def waits_for_scan(self) -> bool:
        passkey = self.status is SessionStatus.PASSKEY_REQUIRED
        return not self.is_linked and not passkey and self.scanned_at is None

    def new_browser(self) -> None:
        """The page starts over; what it said before is void."""
        self.socket = self.me = self.ref_seen_at = self.scanned_at = self.last_ref = None

    def adopted(self) -> None:
        """A warm slot's link becomes a session's. Nobody was told of its events: it begins anew."""
        self.status = SessionStatus.CREATED

    def report(self, type_: EventType, **data: Any) -> Report:
        """Make an event and move the status with it, by the same table that the functions use."""
        before = self.status
        self.status = next_status(before, type_) or before
        return Report(type=type_, data=data, before=before, after=self.status)
