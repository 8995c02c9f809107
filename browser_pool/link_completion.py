"""From an accepted scan to a session that is ready. Pure, like the tracker that asks it.

Rule: the state of the socket and the account's number decide together; neither alone does. A number that
does not come is not waited for: the session is ready without it, and it is told when it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from browser_pool.link_deadlines import NUMBER_LATE, NUMBER_LATE_AFTER_SYNC, Due, LinkDeadlines
from browser_pool.link_state import BEFORE_SCAN, LinkState
from browser_pool.outcome import Act, Outcome
from storage.clock import Clock
from storage.events import EventType
from storage.models import Phase, SessionStatus


class LinkCompletion:
    """Of one session; `link` and `deadlines` are its tracker's."""

    def __init__(
        self, clock: Clock, link: LinkState, deadlines: LinkDeadlines, link_timeout: timedelta
    ) -> None:
        self._clock = clock
        self._link = link
        self._deadlines = deadlines
        self._link_timeout = link_timeout

    def scanned(self) -> Iterator[Outcome]:
        """The phone accepted the QR: the page has `link_timeout` to finish."""
        self._link.scanned_at = self._clock.monotonic()
        self._deadlines.set(Due.LINK, self._link_timeout)
        yield self._link.report(EventType.SESSION_PROGRESSED, phase=Phase.LINKING)

    def synced(self) -> None:
        """Everything has come but perhaps the number, which has little time left."""
        if self._link.phone_number is None:
            self._deadlines.set(Due.NUMBER, NUMBER_LATE_AFTER_SYNC)

    def go_on(self) -> Iterator[Outcome]:
        """What the socket and the number are good for now."""
        link = self._link
        if link.socket is None or link.socket in BEFORE_SCAN:
            return
        if link.me is not None:
            yield from self._authenticated()
        if link.socket != "CONNECTED":
            return
        yield from self._authenticated()
        if link.me is not None:
            yield from self.ready()
        elif link.status is SessionStatus.AUTHENTICATED and Due.NUMBER not in self._deadlines:
            self._deadlines.set(Due.NUMBER, NUMBER_LATE)
            yield link.report(EventType.SESSION_PROGRESSED, phase=Phase.READING_PHONE)

    def _authenticated(self) -> Iterator[Outcome]:
        link = self._link
        if link.is_linked:
            return
        self._deadlines.lift(Due.SCAN, Due.PASSKEY)
        if link.socket != "CONNECTED":
            self._deadlines.set_once(Due.LINK, self._link_timeout)
        if link.scanned_at is None:
            link.scanned_at = self._clock.monotonic()
        me = link.me
        if me is None:
            yield link.report(EventType.SESSION_AUTHENTICATED)
            return
        link.phone_number = me.phone_number
        yield link.report(EventType.SESSION_AUTHENTICATED, phone_number=me.phone_number, display_name=me.name)

    def ready(self) -> Iterator[Outcome]:
        """Connected, with the number or without one that stays away."""
        link = self._link
        self._deadlines.lift(Due.NUMBER)
        data = self._ready_data()
        number_was_late = link.phone_number is None and link.me is not None
        if link.status is SessionStatus.CONNECTED:
            if number_was_late:
                link.phone_number = data["phone_number"]
                yield link.report(EventType.PHONE_RESOLVED, **data)
            return
        if link.has_login:
            return
        # ready means: from now on kill -9 loses nothing. Until that is so the session is not connected here
        # either: one that was closed in between said that it had lost what it never said it had
        yield Act.SETTLE
        link.phone_number = data["phone_number"]
        link.has_login = True
        yield link.report(EventType.SESSION_READY, **data)

    def _ready_data(self) -> dict[str, Any]:
        link, me = self._link, self._link.me
        data: dict[str, Any] = {"phone_number": link.phone_number, "display_name": None, "platform": None}
        if me is not None:
            data.update(phone_number=me.phone_number, display_name=me.name, platform=me.platform)
            data["phone_extraction_method"] = me.method
            if link.scanned_at is not None:
                data["phone_extraction_ms"] = round((self._clock.monotonic() - link.scanned_at) * 1000)
        return data
