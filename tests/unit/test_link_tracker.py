"""What a fact of the page means for the session."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from browser_pool.facts import Fact, LoggedOut, Me, PasskeyDemanded, RefShown, RefStale, SocketState, Synced
from browser_pool.link_tracker import LinkTracker
from browser_pool.outcome import Act, Outcome, Report
from browser_pool.ref_clock import RefClock, RefLives
from storage.clock import ManualClock
from storage.events import EventType as E
from storage.models import ReasonCode, SessionStatus

ME = Me("+6281234567890", "Ayu", "android", "me_user")


class Driven:
    """A tracker with its clock, fed fact by fact."""

    def __init__(self, status: SessionStatus = SessionStatus.STARTING, *, linked: bool = False) -> None:
        self.clock = ManualClock()
        self.lives = RefLives()
        self.tracker = LinkTracker(
            self.clock,
            status=status,
            linked=linked,
            phone_number="+6281234567890" if linked else None,
            last_ref=None,
            qr_timeout=timedelta(minutes=5),
            link_timeout=timedelta(minutes=2),
            refs=RefClock(self.lives),
        )

    def sees(self, *facts: Fact) -> list[E | Act]:
        return [short for fact in facts for short in shorts(self.tracker.on_fact(fact))]

    def after(self, seconds: float) -> list[E | Act]:
        self.clock.advance(timedelta(seconds=seconds))
        return shorts(self.tracker.on_time())


def shorts(outcomes: Iterable[Outcome]) -> list[E | Act]:
    return [outcome.type if isinstance(outcome, Report) else outcome for outcome in outcomes]


def connected() -> Driven:
    driven = Driven(SessionStatus.CONNECTED, linked=True)
    assert driven.sees(SocketState("CONNECTED"), ME) == []
    return driven


def test_a_scan_is_told_step_by_step() -> None:
    driven = Driven()
    assert driven.sees(SocketState("UNPAIRED"), RefShown("a,b")) == [E.QR_CODE_GENERATED]
    assert driven.sees(SocketState("PAIRING")) == [E.SESSION_PROGRESSED]
    assert driven.sees(SocketState("OPENING")) == []
    assert driven.sees(ME) == [E.SESSION_AUTHENTICATED]
    assert driven.sees(SocketState("CONNECTED")) == [Act.SETTLE, E.SESSION_READY]
    assert driven.sees(Synced(), ME) == []
    assert driven.tracker.link.status is SessionStatus.CONNECTED


def test_a_link_that_dies_before_its_login_is_on_disk_was_never_connected() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"), SocketState("PAIRING"), ME)
    outcomes = iter(driven.tracker.on_fact(SocketState("CONNECTED")))
    assert next(outcomes) is Act.SETTLE
    assert driven.tracker.link.status is SessionStatus.AUTHENTICATED
    assert shorts(driven.tracker.browser_lost(ReasonCode.BROWSER_CRASH)) == [E.SESSION_STARTING]
    assert driven.sees(SocketState("CONNECTED"), ME)[-2:] == [Act.SETTLE, E.SESSION_READY]


def test_a_number_alone_is_no_login() -> None:
    driven = Driven()
    assert driven.sees(SocketState("UNPAIRED"), ME, RefShown("a,b")) == [E.QR_CODE_GENERATED]


def test_a_lost_socket_on_the_qr_page_is_no_login() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"))
    assert driven.sees(SocketState("TIMEOUT"), SocketState("OPENING"), SocketState("UNPAIRED")) == []


def test_a_late_number_follows_a_session_that_is_connected_without_it() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"), SocketState("PAIRING"))
    assert driven.sees(SocketState("CONNECTED")) == [E.SESSION_AUTHENTICATED, E.SESSION_PROGRESSED]
    assert driven.after(17) == []
    assert driven.after(1) == [Act.SETTLE, E.SESSION_READY]
    assert driven.tracker.link.phone_number is None
    assert driven.sees(ME) == [E.PHONE_RESOLVED]
    assert driven.tracker.link.phone_number == "+6281234567890"
    assert driven.sees(ME) == []


def test_a_number_that_comes_in_time_makes_one_ready() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"), SocketState("CONNECTED"))
    assert driven.sees(Synced()) == []
    assert driven.after(4.9) == []
    assert driven.sees(ME) == [Act.SETTLE, E.SESSION_READY]
    assert driven.after(60) == []


def test_nobody_scans_and_the_session_expires() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"))
    assert driven.after(299) == []
    assert driven.after(1) == [E.SESSION_EXPIRED, Act.END]


def test_a_scan_in_the_last_second_does_not_expire() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"))
    driven.after(299)
    driven.sees(SocketState("PAIRING"))
    assert driven.after(5) == []
    assert driven.sees(SocketState("CONNECTED"), ME)[-1] == E.SESSION_READY


def test_a_link_that_never_finishes_fails() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"), SocketState("PAIRING"))
    assert driven.after(121) == [E.SESSION_FAILED, Act.END]


def test_a_stale_qr_is_refreshed() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"))
    assert driven.sees(SocketState("UNPAIRED_IDLE")) == [Act.REFRESH_REF]
    assert driven.sees(RefStale()) == [Act.REFRESH_REF]
    assert driven.sees(RefShown("c,d")) == [E.QR_CODE_GENERATED]


def test_a_qr_in_a_linked_session_means_that_the_device_was_removed() -> None:
    driven = Driven(SessionStatus.RECONNECTING, linked=True)
    assert driven.sees(SocketState("UNPAIRED"), RefShown("a,b")) == [E.SESSION_LOGGED_OUT, Act.END]
    assert driven.tracker.link.login_may_be_good, "a QR alone may mean a damaged profile"


def test_a_logout_by_the_phone_ends_the_session() -> None:
    driven = connected()
    assert driven.sees(LoggedOut("logout")) == [E.SESSION_LOGGED_OUT, Act.END]
    assert not driven.tracker.link.login_may_be_good


def test_unpaired_without_a_qr_is_doubted_for_a_while() -> None:
    driven = connected()
    assert driven.sees(SocketState("UNPAIRED")) == []
    assert driven.sees(SocketState("OPENING"), SocketState("CONNECTED")) == []
    assert driven.after(60) == []


def test_a_short_gap_of_the_socket_is_no_news() -> None:
    driven = connected()
    assert driven.sees(SocketState("TIMEOUT")) == []
    assert driven.after(1.9) == []
    assert driven.sees(SocketState("CONNECTED")) == []


def test_a_long_gap_of_the_socket_is_told_and_so_is_its_end() -> None:
    driven = connected()
    driven.sees(SocketState("TIMEOUT"))
    assert driven.after(2) == [E.SESSION_DISCONNECTED]
    assert driven.sees(SocketState("CONNECTED")) == [E.SESSION_RECONNECTED]


def test_a_page_that_keeps_trying_does_not_put_off_the_news() -> None:
    driven = connected()
    told: list[E | Act] = []
    for state in ["TIMEOUT", "OPENING"] * 4:
        told += driven.sees(SocketState(state))
        told += driven.after(0.5)
    assert told == [E.SESSION_DISCONNECTED]


def test_a_conflict_is_told_and_taken_back_after_a_while() -> None:
    driven = connected()
    assert driven.sees(SocketState("CONFLICT")) == [E.SESSION_DISCONNECTED]
    assert driven.after(5) == [Act.TAKE_OVER]
    assert driven.sees(SocketState("OPENING"), SocketState("CONNECTED")) == [E.SESSION_RECONNECTED]


def test_a_conflict_that_comes_back_is_not_fought_for_ever() -> None:
    driven = connected()
    acts: list[E | Act] = []
    for _ in range(6):
        driven.sees(SocketState("OPENING"), SocketState("CONFLICT"))
        acts += driven.after(5)
    assert acts.count(Act.TAKE_OVER) == 3


@pytest.mark.parametrize("state", ["TOS_BLOCK", "SMB_TOS_BLOCK"])
def test_a_restricted_account_is_not_linked_and_says_why(state: str) -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"), SocketState("PAIRING"))
    failed, act = driven.tracker.on_fact(SocketState(state))
    assert isinstance(failed, Report)
    assert (failed.type, failed.data["reason_code"]) == (E.SESSION_FAILED, ReasonCode.ACCOUNT_RESTRICTED)
    assert act is Act.END


def test_a_linked_account_that_is_restricted_comes_back_when_it_is_lifted() -> None:
    driven = connected()
    (told,) = driven.tracker.on_fact(SocketState("TOS_BLOCK"))
    assert isinstance(told, Report)
    assert (told.type, told.data["reason_code"]) == (E.SESSION_DISCONNECTED, ReasonCode.ACCOUNT_RESTRICTED)
    assert driven.after(3600) == []
    assert driven.sees(SocketState("OPENING"), SocketState("CONNECTED")) == [E.SESSION_RECONNECTED]


def test_a_passkey_stops_the_loop_of_qrs_and_may_end_well() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"), SocketState("PAIRING"))
    assert driven.sees(PasskeyDemanded()) == [E.PASSKEY_REQUIRED]
    assert driven.sees(SocketState("UNPAIRED_IDLE"), RefStale(), PasskeyDemanded()) == []
    assert driven.after(400) == [], "neither the QR's nor the link's deadline counts now"
    done = driven.sees(SocketState("OPENING"), ME, SocketState("CONNECTED"))
    assert done == [E.SESSION_AUTHENTICATED, Act.SETTLE, E.SESSION_READY]


def test_a_passkey_that_nobody_gives_expires() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"), PasskeyDemanded())
    outcomes = driven.after(601)
    assert outcomes[-2:] == [E.SESSION_EXPIRED, Act.END]


def test_a_passkey_that_was_refused_gives_a_new_qr() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"), PasskeyDemanded())
    assert driven.sees(RefShown("c,d")) == [E.QR_CODE_GENERATED]
    assert driven.tracker.link.status is SessionStatus.QR_SCANNING


def test_a_browser_that_dies_half_way_through_linking_starts_over() -> None:
    driven = Driven()
    driven.sees(SocketState("UNPAIRED"), RefShown("a,b"), SocketState("OPENING"), ME)
    assert driven.tracker.link.status is SessionStatus.AUTHENTICATED
    lost = shorts(driven.tracker.browser_lost(ReasonCode.BROWSER_CRASH))
    assert lost == [E.SESSION_STARTING]
    assert driven.sees(SocketState("UNPAIRED"), RefShown("c,d")) == [E.QR_CODE_GENERATED]


def test_a_browser_that_dies_while_connected_reconnects_without_a_second_ready() -> None:
    driven = connected()
    assert shorts(driven.tracker.browser_lost(ReasonCode.BROWSER_CRASH)) == [E.SESSION_DISCONNECTED]
    assert driven.sees(SocketState("OPENING"), ME, SocketState("CONNECTED")) == [E.SESSION_RECONNECTED]


def test_a_pool_that_attaches_again_does_not_report_the_same_qr_twice() -> None:
    driven = Driven(SessionStatus.QR_SCANNING)
    driven.tracker.link.last_ref = "a,b"
    assert driven.sees(SocketState("UNPAIRED"), RefShown("a,b")) == []
    assert driven.tracker.link.shows_qr
    assert driven.after(300) == [E.SESSION_EXPIRED, Act.END]


@pytest.mark.parametrize(("first", "following"), [(60, 20), (7, 3)])
def test_the_life_of_a_qr_is_learned(first: int, following: int) -> None:
    lives = RefLives()
    for _ in range(2):
        refs, now = RefClock(lives), 0.0
        for index in range(4):
            shown = refs.shown(now)
            now += first if index == 0 else following
    assert lives.first == timedelta(seconds=first)
    assert lives.following == shown == timedelta(seconds=following)


def test_a_qr_that_was_asked_for_teaches_nothing() -> None:
    lives = RefLives()
    refs = RefClock(lives)
    refs.shown(0.0)
    refs.batch_ended()
    assert refs.shown(3.0) == timedelta(seconds=60)
    assert lives.first == timedelta(seconds=60)
