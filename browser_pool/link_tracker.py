"""From facts of the page to events of the session: the one place that decides what a fact means.

Pure: no browser, no clock of its own, no I/O. `on_fact` and `on_time` answer with what to report and
what to do; `next_deadline` says when `on_time` should be asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, assert_never

from browser_pool import facts
from browser_pool.link_deadlines import (
    DISCONNECT_GRACE,
    NUMBER_LATE,
    NUMBER_LATE_AFTER_SYNC,
    OF_THE_PAGE,
    PASSKEY_LIFE,
    TAKE_OVER_AFTER,
    UNPAIRED_DOUBT,
    Due,
    LinkDeadlines,
)
from browser_pool.outcome import Act, Outcome, Report
from browser_pool.ref_clock import RefClock
from storage.clock import Clock, to_wire
from storage.events import EventType
from storage.models import LINKED, Phase, ReasonCode, SessionStatus, next_status

PAIRING_CODE_LIFE = timedelta(minutes=3)
TAKE_OVERS = 3
"""In a row without getting connected; after that somebody else really wants it."""
_BEFORE_SCAN = frozenset({"UNPAIRED", "UNPAIRED_IDLE"})
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
        self.status = status
        self.phone_number = phone_number
        self.last_ref = last_ref
        """The QR last reported: a pool that attaches again must not report it twice."""
        self.restorable = False
        """There may be a snapshot to go back to when the page comes up without its login."""
        self.logout_reason = ReasonCode.WA_LOGOUT
        """Who removed the device, when it comes to that."""
        self._clock = clock
        self._linked = linked
        self._told_logged_out = False
        self._attached = last_ref is not None
        self._qr_timeout = qr_timeout
        self._link_timeout = link_timeout
        self._refs = refs
        self._socket: str | None = None
        self._me: facts.Me | None = None
        self._take_overs = 0
        self._ref_seen_at: float | None = None
        self._scanned_at: float | None = None
        self._deadlines = LinkDeadlines(clock)

    @property
    def is_linked(self) -> bool:
        """The account is ours: a QR now means that the phone removed us."""
        return self._linked or self.status in LINKED or self.status is SessionStatus.AUTHENTICATED

    @property
    def shows_qr(self) -> bool:
        return self._ref_seen_at is not None and not self.is_linked

    @property
    def login_may_be_good(self) -> bool:
        """A login is on disk that nobody has revoked for certain: a QR alone may mean a damaged profile."""
        return self._linked and not self._told_logged_out

    @property
    def is_revoked(self) -> bool:
        """The page itself said that the device was removed: no copy of this login is of any use."""
        return self._told_logged_out

    @property
    def has_login(self) -> bool:
        """A link was completed: its login is on disk, or has to be brought back."""
        return self._linked

    @property
    def waits_for_scan(self) -> bool:
        passkey = self.status is SessionStatus.PASSKEY_REQUIRED
        return not self.is_linked and not passkey and self._scanned_at is None

    def new_browser(self) -> None:
        """The page starts over; what it said before is void."""
        self._attached = False
        self._socket = self._me = self._ref_seen_at = self._scanned_at = self.last_ref = None
        self._refs.batch_ended()
        self._deadlines.lift(*OF_THE_PAGE)

    def adopted(self, qr_timeout: timedelta) -> None:
        """A warm slot's tracker becomes a session's: from now on its time counts."""
        self.status = SessionStatus.CREATED
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
                if not self.is_linked and self.status is not SessionStatus.PASSKEY_REQUIRED:
                    self._refs.went_stale(self._clock.monotonic())
                    yield Act.REFRESH_REF
            case facts.SocketState():
                yield from self._on_socket(fact.state)
            case facts.Synced():
                if self.phone_number is None:
                    self._deadlines.set(Due.NUMBER, NUMBER_LATE_AFTER_SYNC)
            case facts.Me():
                self._me = fact
                yield from self._on_identity()
            case facts.LoggedOut():
                self._told_logged_out = True
                if self.is_linked:
                    yield from self._logged_out()
            case facts.PasskeyDemanded():
                yield from self._on_passkey()
            case facts.Progress():
                if self.status is SessionStatus.AUTHENTICATED:
                    yield self._progress(Phase.SYNCING, percent=round(fact.percent))
            case facts.Loaded() | facts.Foreign() | facts.LookupFailed() | facts.Probed():
                return
            case _:
                assert_never(fact)

    def on_time(self) -> Iterator[Outcome]:
        """What follows from deadlines that have passed."""
        for due in self._deadlines.passed():
            match due:
                case Due.SCAN if self.waits_for_scan:
                    yield self.report(EventType.SESSION_EXPIRED, reason_code=ReasonCode.QR_TIMEOUT)
                    yield Act.END
                case Due.PASSKEY:
                    yield self.report(EventType.SESSION_EXPIRED, reason_code=ReasonCode.PASSKEY)
                    yield Act.END
                case Due.LINK:
                    yield self.report(EventType.SESSION_FAILED, **_LINK_TIMED_OUT)
                    yield Act.END
                case Due.SOCKET:
                    yield from self._disconnected(ReasonCode.SOCKET_LOST)
                case Due.DOUBT:
                    yield from self._login_missing()
                case Due.TAKE_OVER:
                    self._take_overs += 1
                    yield Act.TAKE_OVER
                case Due.NUMBER:
                    yield from self._ready()

    def ref_was_asked_for(self) -> None:
        """The next ref comes because we want it: the one on display was not outlived."""
        self._attached = False
        self._refs.batch_ended()

    def browser_lost(self, reason: ReasonCode) -> Iterator[Outcome]:
        """The browser died and another one will be started. A link that was only half made is open
        again: its login is on disk, or a new QR will come."""
        self.new_browser()
        if self.status in LINKED:
            yield from self._disconnected(reason)
        elif self.status is SessionStatus.AUTHENTICATED:
            yield self.report(EventType.SESSION_STARTING, phase=Phase.LAUNCHING)

    def pairing_code(self, code: str, phone_number: str) -> Report:
        """A code that the page gave out for a number."""
        expires_at = self._clock.now() + PAIRING_CODE_LIFE
        return self.report(
            EventType.PAIRING_CODE_GENERATED,
            code=code,
            phone_number=phone_number,
            expires_at=to_wire(expires_at),
        )

    def _on_ref(self, text: str) -> Iterator[Outcome]:
        if self.is_linked:
            yield from self._login_missing()
            return
        now = self._clock.monotonic()
        self._deadlines.lift(Due.PASSKEY, Due.LINK)
        self._scanned_at = None
        self._ref_seen_at = now
        self.start_waiting_for_scan()
        if text == self.last_ref:
            return
        life = self._refs.shown(now, mid_batch=self._attached)
        self._attached = False
        self.last_ref = text
        yield self.report(EventType.QR_CODE_GENERATED, ref=text, expires_at=self._in(life))

    def _on_socket(self, state: str) -> Iterator[Outcome]:
        before, self._socket = self._socket, state
        if state not in _BEFORE_SCAN:
            self._deadlines.lift(Due.DOUBT)
        if state == "CONNECTED":
            self._deadlines.lift(Due.SOCKET, Due.LINK)
            self._take_overs = 0
            if self.status is SessionStatus.RECONNECTING and self._linked:
                yield self.report(EventType.SESSION_RECONNECTED)
            elif self.status is SessionStatus.HIBERNATED:
                yield self.report(EventType.SESSION_WOKEN)
            yield from self._on_identity()
        elif state in _RESTRICTED:
            yield from self._restricted()
            return
        elif state == "CONFLICT":
            yield from self._disconnected(ReasonCode.WA_CONFLICT)
            if self.is_linked and self._take_overs < TAKE_OVERS:
                self._deadlines.set(Due.TAKE_OVER, TAKE_OVER_AFTER)
        elif state in _BEFORE_SCAN:
            if self.is_linked:
                self._deadlines.set_once(Due.DOUBT, UNPAIRED_DOUBT)
            elif state == "UNPAIRED_IDLE" and self.status is not SessionStatus.PASSKEY_REQUIRED:
                self._refs.went_stale(self._clock.monotonic())
                yield Act.REFRESH_REF
        elif self.status is SessionStatus.CONNECTED:
            # a page that goes on trying says OPENING and TIMEOUT in turn; the first one counts
            self._deadlines.set_once(Due.SOCKET, DISCONNECT_GRACE)
        elif state == "PAIRING" and before in _BEFORE_SCAN and self.shows_qr:
            self._refs.batch_ended()
            self._scanned_at = self._clock.monotonic()
            self._deadlines.set(Due.LINK, self._link_timeout)
            yield self._progress(Phase.LINKING)
        yield from self._on_identity()

    def _on_identity(self) -> Iterator[Outcome]:
        """State and number together decide; neither alone does."""
        if self._socket is None or self._socket in _BEFORE_SCAN:
            return
        if self._me is not None:
            yield from self._authenticated()
        if self._socket != "CONNECTED":
            return
        yield from self._authenticated()
        if self._me is not None:
            yield from self._ready()
        elif self.status is SessionStatus.AUTHENTICATED and Due.NUMBER not in self._deadlines:
            self._deadlines.set(Due.NUMBER, NUMBER_LATE)
            yield self._progress(Phase.READING_PHONE)

    def _authenticated(self) -> Iterator[Outcome]:
        if self.is_linked:
            return
        self._deadlines.lift(Due.SCAN, Due.PASSKEY)
        if self._socket != "CONNECTED":
            self._deadlines.set_once(Due.LINK, self._link_timeout)
        if self._scanned_at is None:
            self._scanned_at = self._clock.monotonic()
        me = self._me
        if me is None:
            yield self.report(EventType.SESSION_AUTHENTICATED)
            return
        self.phone_number = me.phone_number
        yield self.report(EventType.SESSION_AUTHENTICATED, phone_number=me.phone_number, display_name=me.name)

    def _ready(self) -> Iterator[Outcome]:
        self._deadlines.lift(Due.NUMBER)
        me = self._me
        data: dict[str, Any] = {"phone_number": self.phone_number, "display_name": None, "platform": None}
        if me is not None:
            data.update(phone_number=me.phone_number, display_name=me.name, platform=me.platform)
            data["phone_extraction_method"] = me.method
            if self._scanned_at is not None:
                data["phone_extraction_ms"] = round((self._clock.monotonic() - self._scanned_at) * 1000)
        number_was_late = self.phone_number is None and me is not None
        if self.status is SessionStatus.CONNECTED:
            if number_was_late:
                self.phone_number = data["phone_number"]
                yield self.report(EventType.PHONE_RESOLVED, **data)
            return
        if self._linked:
            return
        # ready means: from now on kill -9 loses nothing. Until that is so the session is not connected here
        # either: one that was closed in between said that it had lost what it never said it had
        yield Act.SETTLE
        self.phone_number = data["phone_number"]
        self._linked = True
        yield self.report(EventType.SESSION_READY, **data)

    def _disconnected(self, reason: ReasonCode) -> Iterator[Outcome]:
        self._deadlines.lift(Due.SOCKET)
        news = self.status is SessionStatus.CONNECTED
        if news or (self.status is SessionStatus.RECONNECTING and reason is ReasonCode.WA_CONFLICT):
            yield self.report(EventType.SESSION_DISCONNECTED, reason_code=reason)

    def _restricted(self) -> Iterator[Outcome]:
        """A linked account stays linked, and comes back when WhatsApp lifts it."""
        if self.is_linked:
            yield from self._disconnected(ReasonCode.ACCOUNT_RESTRICTED)
            return
        yield self.report(EventType.SESSION_FAILED, **_ACCOUNT_RESTRICTED)
        yield Act.END

    def _login_missing(self) -> Iterator[Outcome]:
        """Damage or the phone: a snapshot that comes up linked tells them apart."""
        if self.restorable and self._linked:
            yield Act.RESTORE
        else:
            yield from self._logged_out()

    def _logged_out(self) -> Iterator[Outcome]:
        yield self.report(EventType.SESSION_LOGGED_OUT, reason_code=self.logout_reason)
        yield Act.END

    def _on_passkey(self) -> Iterator[Outcome]:
        if self.is_linked or self.status is SessionStatus.PASSKEY_REQUIRED:
            return
        self._refs.batch_ended()
        self._deadlines.lift(Due.LINK)
        self._deadlines.set(Due.PASSKEY, PASSKEY_LIFE)
        yield self.report(EventType.PASSKEY_REQUIRED, expires_at=self._in(PASSKEY_LIFE))

    def _in(self, life: timedelta) -> str:
        return to_wire(self._clock.now() + life)

    def _progress(self, phase: Phase, **more: Any) -> Report:
        return self.report(EventType.SESSION_PROGRESSED, phase=phase, **more)

    def report(self, type_: EventType, **data: Any) -> Report:
        """Make an event and move the status with it, by the same table that the functions use."""
        before = self.status
        self.status = next_status(before, type_) or before
        return Report(type=type_, data=data, before=before, after=self.status)
