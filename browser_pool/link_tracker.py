"""From facts of the page to events of the session: the one place that decides what a fact means.

Pure: no browser, no clock of its own, no I/O. `on_fact` and `on_time` answer with what to report and
what to do; `next_deadline` says when `on_time` should be asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import assert_never

from browser_pool import facts
from browser_pool.link_completion import LinkCompletion
from browser_pool.link_deadlines import (
    DISCONNECT_GRACE,
    OF_THE_PAGE,
    PASSKEY_LIFE,
    TAKE_OVER_AFTER,
    UNPAIRED_DOUBT,
    Due,
    LinkDeadlines,
)
from browser_pool.link_state import BEFORE_SCAN, LinkState
from browser_pool.outcome import Act, Outcome
from browser_pool.ref_clock import RefClock
from storage.clock import Clock, to_wire
from storage.events import EventType
from storage.models import LINKED, Phase, ReasonCode, SessionStatus

TAKE_OVERS = 3
"""In a row without getting connected; after that somebody else really wants it."""
_RESTRICTED = frozenset({"TOS_BLOCK", "SMB_TOS_BLOCK"})
"""What the page says of an account that broke WhatsApp's terms; the second one is of a business."""
_ACCOUNT_RESTRICTED = {
    "reason_code": ReasonCode.ACCOUNT_RESTRICTED,
    "message": "WhatsApp has restricted the account; its owner finds the reason on the phone",
}
_LINK_TIMED_OUT = {
    "reason_code": ReasonCode.LINK_TIMEOUT,
    "message": "the phone accepted, but WhatsApp Web did not finish linking in time; ask for a new QR",
}


class LinkTracker:
    """Follows one session through one browser after the other."""

    def __init__(
        self,
        clock: Clock,
        *,
        status: SessionStatus,
        linked: bool,
        phone_number: str | None,
        last_ref: str | None,
        qr_timeout: timedelta,
        link_timeout: timedelta,
        refs: RefClock,
    ) -> None:
        self.link = LinkState(status=status, linked=linked, phone_number=phone_number, last_ref=last_ref)
        self._clock = clock
        self._attached = last_ref is not None
        self._qr_timeout = qr_timeout
        self._refs = refs
        self._take_overs = 0
        self._deadlines = LinkDeadlines(clock)
        self._completion = LinkCompletion(clock, self.link, self._deadlines, link_timeout)

    def new_browser(self) -> None:
        """The page starts over; what it said before is void."""
        self._attached = False
        self.link.new_browser()
        self._refs.batch_ended()
        self._deadlines.lift(*OF_THE_PAGE)

    def adopted(self, qr_timeout: timedelta) -> None:
        """A warm slot's tracker becomes a session's: from now on its time counts."""
        self.link.adopted()
        self._qr_timeout = qr_timeout
        self._deadlines.lift(Due.SCAN)
        self.start_waiting_for_scan()

    def start_waiting_for_scan(self) -> None:
        """From now on somebody has `qr_timeout` to scan. The first call counts."""
        self._deadlines.set_once(Due.SCAN, self._qr_timeout)

    def next_deadline(self) -> float | None:
        """Monotonic time at which `on_time` has something to say."""
        return self._deadlines.next()

    def on_fact(self, fact: facts.Fact) -> Iterator[Outcome]:
        """What follows from a fact, in order."""
        match fact:
            case facts.RefShown():
                yield from self._on_ref(fact.text)
            case facts.RefStale():
                if not self.link.is_linked and self.link.status is not SessionStatus.PASSKEY_REQUIRED:
                    self._refs.went_stale(self._clock.monotonic())
                    yield Act.REFRESH_REF
            case facts.SocketState():
                yield from self._on_socket(fact.state)
            case facts.Synced():
                self._completion.synced()
            case facts.Me():
                self.link.me = fact
                yield from self._completion.go_on()
            case facts.LoggedOut():
                self.link.is_revoked = True
                if self.link.is_linked:
                    yield from self._logged_out()
            case facts.PasskeyDemanded():
                yield from self._on_passkey()
            case facts.Progress():
                if self.link.status is SessionStatus.AUTHENTICATED:
                    percent = round(fact.percent)
                    yield self.link.report(EventType.SESSION_PROGRESSED, phase=Phase.SYNCING, percent=percent)
            case facts.Loaded() | facts.Foreign() | facts.LookupFailed() | facts.Probed():
                return
            case _:
                assert_never(fact)

    def on_time(self) -> Iterator[Outcome]:
        """What follows from deadlines that have passed."""
        for due in self._deadlines.passed():
            match due:
                case Due.SCAN if self.link.waits_for_scan:
                    yield self.link.report(EventType.SESSION_EXPIRED, reason_code=ReasonCode.QR_TIMEOUT)
                    yield Act.END
                case Due.PASSKEY:
                    yield self.link.report(EventType.SESSION_EXPIRED, reason_code=ReasonCode.PASSKEY)
                    yield Act.END
                case Due.LINK:
                    yield self.link.report(EventType.SESSION_FAILED, **_LINK_TIMED_OUT)
                    yield Act.END
                case Due.SOCKET:
                    yield from self._disconnected(ReasonCode.SOCKET_LOST)
                case Due.DOUBT:
                    yield from self._login_missing()
                case Due.TAKE_OVER:
                    self._take_overs += 1
                    yield Act.TAKE_OVER
                case Due.NUMBER:
                    yield from self._completion.ready()

    def ref_was_asked_for(self) -> None:
        """The next ref comes because we want it: the one on display was not outlived."""
        self._attached = False
        self._refs.batch_ended()

    def browser_lost(self, reason: ReasonCode) -> Iterator[Outcome]:
        """The browser died and another one will be started. A link that was only half made is open
        again: its login is on disk, or a new QR will come."""
        self.new_browser()
        if self.link.status in LINKED:
            yield from self._disconnected(reason)
        elif self.link.status is SessionStatus.AUTHENTICATED:
            yield self.link.report(EventType.SESSION_STARTING, phase=Phase.LAUNCHING)

    def _on_ref(self, text: str) -> Iterator[Outcome]:
        if self.link.is_linked:
            yield from self._login_missing()
            return
        now = self._clock.monotonic()
        self._deadlines.lift(Due.PASSKEY, Due.LINK)
        self.link.scanned_at = None
        self.link.ref_seen_at = now
        self.start_waiting_for_scan()
        if text == self.link.last_ref:
            return
        life = self._refs.shown(now, mid_batch=self._attached)
        self._attached = False
        self.link.last_ref = text
        yield self.link.report(EventType.QR_CODE_GENERATED, ref=text, expires_at=self._in(life))

    def _on_socket(self, state: str) -> Iterator[Outcome]:
        before, self.link.socket = self.link.socket, state
        if state not in BEFORE_SCAN:
            self._deadlines.lift(Due.DOUBT)
        if state == "CONNECTED":
            self._deadlines.lift(Due.SOCKET, Due.LINK)
            self._take_overs = 0
            if self.link.status is SessionStatus.RECONNECTING and self.link.has_login:
                yield self.link.report(EventType.SESSION_RECONNECTED)
            elif self.link.status is SessionStatus.HIBERNATED:
                yield self.link.report(EventType.SESSION_WOKEN)
            yield from self._completion.go_on()
        elif state in _RESTRICTED:
            yield from self._restricted()
            return
        elif state == "CONFLICT":
            yield from self._disconnected(ReasonCode.WA_CONFLICT)
            if self.link.is_linked and self._take_overs < TAKE_OVERS:
                self._deadlines.set(Due.TAKE_OVER, TAKE_OVER_AFTER)
        elif state in BEFORE_SCAN:
            if self.link.is_linked:
                self._deadlines.set_once(Due.DOUBT, UNPAIRED_DOUBT)
            elif state == "UNPAIRED_IDLE" and self.link.status is not SessionStatus.PASSKEY_REQUIRED:
                self._refs.went_stale(self._clock.monotonic())
                yield Act.REFRESH_REF
        elif self.link.status is SessionStatus.CONNECTED:
            # a page that goes on trying says OPENING and TIMEOUT in turn; the first one counts
            self._deadlines.set_once(Due.SOCKET, DISCONNECT_GRACE)
        elif state == "PAIRING" and before in BEFORE_SCAN and self.link.shows_qr:
            self._refs.batch_ended()
            yield from self._completion.scanned()
        yield from self._completion.go_on()

    def _disconnected(self, reason: ReasonCode) -> Iterator[Outcome]:
        self._deadlines.lift(Due.SOCKET)
        news = self.link.status is SessionStatus.CONNECTED
        if news or (self.link.status is SessionStatus.RECONNECTING and reason is ReasonCode.WA_CONFLICT):
            yield self.link.report(EventType.SESSION_DISCONNECTED, reason_code=reason)

    def _restricted(self) -> Iterator[Outcome]:
        """A linked account stays linked, and comes back when WhatsApp lifts it."""
        if self.link.is_linked:
            yield from self._disconnected(ReasonCode.ACCOUNT_RESTRICTED)
            return
        yield self.link.report(EventType.SESSION_FAILED, **_ACCOUNT_RESTRICTED)
        yield Act.END

    def _login_missing(self) -> Iterator[Outcome]:
        """Damage or the phone: a snapshot that comes up linked tells them apart."""
        if self.link.restorable and self.link.has_login:
            yield Act.RESTORE
        else:
            yield from self._logged_out()

    def _logged_out(self) -> Iterator[Outcome]:
        yield self.link.report(EventType.SESSION_LOGGED_OUT, reason_code=self.link.logout_reason)
        yield Act.END

    def _on_passkey(self) -> Iterator[Outcome]:
        if self.link.is_linked or self.link.status is SessionStatus.PASSKEY_REQUIRED:
            return
        self._refs.batch_ended()
        self._deadlines.lift(Due.LINK)
        self._deadlines.set(Due.PASSKEY, PASSKEY_LIFE)
        yield self.link.report(EventType.PASSKEY_REQUIRED, expires_at=self._in(PASSKEY_LIFE))

    def _in(self, life: timedelta) -> str:
        return to_wire(self._clock.now() + life)
