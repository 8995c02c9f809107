"""What the hosted page shows, state by state, over a real registry."""

import re
from datetime import timedelta
from html import unescape

import pytest

from functions.page_language import CATALOGUE
from storage.clock import ManualClock, to_wire
from storage.events import EventType
from storage.models import ReasonCode
from tests.integration.page_site import REF, PageSite, clock, site

__all__ = ["clock", "site"]


def test_page_names_the_workspace_and_escapes_it(site: PageSite) -> None:
    assert "<bdi>Harbour &amp; Sons</bdi>" in site.html(site.create())


def test_page_tells_the_phase_it_is_in(site: PageSite) -> None:
    session = site.create()
    site.happens(session, EventType.SESSION_STARTING, phase="loading")
    assert "Opening WhatsApp Web." in site.html(session)
    assert site.status(session)["poll_after_ms"] <= 300


def test_qr_is_on_the_page_and_in_the_status_with_its_true_time(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session, seconds=60)
    clock.advance(timedelta(seconds=18))
    status = site.status(session)
    assert status["qr"]["text"] == REF
    assert status["qr"]["expires_in_ms"] == status["page"]["left_ms"] == 42_000
    assert 400 <= status["poll_after_ms"] <= 1000
    html = site.html(session)
    assert "0:42" in html
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in html


def test_dead_qr_is_not_shown(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session, seconds=60)
    clock.advance(timedelta(seconds=60))
    assert "Getting a new code" in site.html(session)
    status = site.status(session)
    assert status["qr"] is None
    assert status["poll_after_ms"] <= 300
    assert site.client.get(site.path(session) + "/qr.svg").status_code == 409


def test_status_asks_to_be_polled_soon_when_the_qr_ends(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session, seconds=60)
    clock.advance(timedelta(seconds=59))
    assert site.status(session)["poll_after_ms"] <= 300


def test_queue_position_and_wait_are_shown(site: PageSite) -> None:
    session = site.create()
    site.happens(session, EventType.SESSION_QUEUED, position=3, estimated_wait_ms=9000)
    html = site.html(session)
    assert "Your place in line: 3" in html
    assert "About 9 seconds to go" in html
    assert site.status(session)["queue"] == {"position": 3, "estimated_wait_ms": 9000}
    assert site.status(session)["poll_after_ms"] == 1000


def test_session_that_nobody_started_waits_for_a_button(site: PageSite) -> None:
    session = site.create(start=False)
    assert f'action="{site.path(session)}/start"' in site.html(session)
    assert site.status(session)["poll_after_ms"] >= 5000


def test_pairing_code_is_shown_large_with_its_number(site: PageSite, clock: ManualClock) -> None:
    session = site.create(phone="+6281234567890")
    site.happens(
        session,
        EventType.PAIRING_CODE_GENERATED,
        code="ABCD-EFGH",
        phone_number="+6281234567890",
        expires_at=to_wire(clock.now() + timedelta(seconds=170)),
    )
    html = site.html(session)
    assert '<p class="letters" id="code" dir="ltr">ABCD-EFGH</p>' in html
    assert "+62\N{NO-BREAK SPACE}812\N{NON-BREAKING HYPHEN}3456\N{NON-BREAKING HYPHEN}7890" in html
    assert "2:50" in html


def test_passkey_is_explained_and_a_new_code_offered(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session)
    expires_at = to_wire(clock.now() + timedelta(minutes=9, seconds=30))
    site.happens(session, EventType.PASSKEY_REQUIRED, expires_at=expires_at)
    html = site.html(session)
    assert "Only the account&#39;s owner can confirm it" in html
    assert "9:30" in html
    assert f'action="{site.path(session)}/refresh"' in html


def test_page_polls_fast_between_scan_and_number(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    site.happens(session, EventType.SESSION_AUTHENTICATED)
    assert "Your phone said yes" in site.html(session)
    assert site.status(session)["poll_after_ms"] <= 300
    assert site.status(session)["qr"] is None


def test_page_says_linking_and_polls_fast_as_soon_as_the_phone_accepted(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    site.happens(session, EventType.SESSION_PROGRESSED, phase="linking")
    assert "Your phone said yes" in site.html(session)
    assert site.status(session)["poll_after_ms"] <= 200
    site.shows_qr(session, ref="another")
    assert "Your phone said yes" not in site.html(session)


def test_linked_page_shows_number_and_the_way_back(site: PageSite) -> None:
    session = site.create(return_url="https://app.example.com/done")
    site.shows_qr(session)
    assert 'id="back"' not in site.html(session)
    site.is_linked(session)
    html = site.html(session)
    assert "WhatsApp is linked" in html
    assert "+62 812-3456-7890" in html
    assert f'href="{site.path(session)}/return"' in html
    assert "Back to Harbour &amp; Sons" in html
    assert site.status(session)["phone_number"] == "+6281234567890"
    assert site.status(session)["poll_after_ms"] >= 5000


def test_linked_is_not_said_before_the_number_was_waited_for(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session)
    site.is_linked(session, phone_number=None)
    assert "Reading your phone number." in site.html(session)
    clock.advance(timedelta(seconds=21))
    assert "has not told us its number yet" in site.html(session)


def test_reconnecting_page_keeps_calm(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    site.is_linked(session)
    site.happens(session, EventType.SESSION_DISCONNECTED, reason_code="browser_crash")
    html = site.html(session)
    assert "Linked, and reconnecting" in html
    assert "+62 812-3456-7890" in html


@pytest.mark.parametrize("reason", list(ReasonCode))
def test_every_reason_is_told_in_words_with_a_next_step(site: PageSite, reason: ReasonCode) -> None:
    session = site.create()
    site.happens(session, EventType.SESSION_FAILED, reason_code=reason.value, message="internal detail")
    html = unescape(site.html(session))
    explanation = CATALOGUE["en"].reasons[reason]
    names = {"workspace": "Harbour & Sons", "ending": "…"}
    assert explanation.what.format_map(names) in html
    assert explanation.next_step.format_map(names) in html
    assert f'action="{site.path(session)}/refresh"' in html
    assert "internal detail" not in html
    assert site.status(session)["poll_after_ms"] >= 5000


def test_reason_of_a_newer_release_is_told_in_general_words(site: PageSite) -> None:
    session = site.create()
    site.happens(session, EventType.SESSION_FAILED, reason_code="meteor", message="")
    assert "Something went wrong on our side." in site.html(session)


def test_expired_page_offers_a_new_code_and_pairing(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    site.happens(session, EventType.SESSION_EXPIRED, reason_code="qr_timeout")
    html = site.html(session)
    assert "The code has run out" in html
    assert "Get a new code" in html
    assert f'action="{site.path(session)}/pairing-code?by=phone"' in html


@pytest.mark.parametrize("locale", CATALOGUE)
def test_page_is_small_in_every_language(site: PageSite, clock: ManualClock, locale: str) -> None:
    session = site.create(locale=locale)
    site.shows_qr(session)
    html = site.html(session)
    qr = re.search(r'<svg xmlns="http://www.w3.org/2000/svg".*?</svg>', html, re.DOTALL)
    assert qr is not None
    assert len(html.replace(qr[0], "").encode()) < 30_000


def test_what_takes_too_long_is_said(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.happens(session, EventType.SESSION_STARTING, phase="loading")
    assert "This takes longer than usual." not in site.html(session)
    clock.advance(timedelta(seconds=16))
    assert "This takes longer than usual." in site.html(session)
    assert site.status(session)["poll_after_ms"] == 1000
    site.shows_qr(session)
    assert "This takes longer than usual." not in site.html(session)


def test_a_qr_that_ran_out_a_moment_ago_is_not_late(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session, seconds=60)
    clock.advance(timedelta(seconds=61))
    assert "Getting a new code" in site.html(session)
    assert "This takes longer than usual." not in site.html(session)


def test_a_restricted_account_is_not_said_to_be_restored(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    site.is_linked(session)
    site.happens(session, EventType.SESSION_DISCONNECTED, reason_code="account_restricted")
    html = site.html(session)
    assert "WhatsApp has restricted this account" in html
    assert "is being restored" not in html


def test_linked_page_says_how_to_undo_it(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    assert "Linking adds Harbour &amp; Sons to the linked devices" in site.html(session)
    site.is_linked(session)
    assert "To undo this one day" in site.html(session)
