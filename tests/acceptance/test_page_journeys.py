"""What a person goes through on the hosted page, on a phone and on a desktop, in a real Chromium."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from storage.clock import to_wire
from storage.events import EventType
from storage.models import SessionStatus
from storage.sessions import Session
from tests.acceptance import test_page_in_browser as pages
from tests.acceptance.test_page_in_browser import DESK, OTHER_REF, PHONE, Open, read_qr
from tests.integration.page_site import REF, PageSite
from tests.waiting import eventually

pytestmark = pytest.mark.browser
playwright = pages.playwright
browser, site, open_page = pages.browser, pages.site, pages.open_page

ON_PHONE: dict[str, Any] = {
    "viewport": PHONE,
    "is_mobile": True,
    "has_touch": True,
    "locale": "id-ID",
    "user_agent": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Mobile Safari/537.36",
}
ON_DESK: dict[str, Any] = {"viewport": DESK, "locale": "en-GB"}
BOTH = pytest.mark.parametrize("device", [ON_PHONE, ON_DESK], ids=["phone", "desktop"])


def gives_code(site: PageSite, session: Session, seconds: float = 170) -> None:
    expires_at = to_wire(site.clock.now() + timedelta(seconds=seconds))
    site.happens(
        session,
        EventType.PAIRING_CODE_GENERATED,
        code="ABCD-EFGH",
        phone_number="+6281234567890",
        expires_at=expires_at,
    )


def screen(page: Page) -> str:
    return page.locator("#card").get_attribute("class") or ""


def test_on_a_phone_the_number_comes_first_and_the_qr_is_one_tap_away(
    site: PageSite, open_page: Open
) -> None:
    session = site.create(locale="en")
    site.shows_qr(session)
    page = open_page(session, **ON_PHONE)
    expect(page.get_by_role("heading", level=1)).to_have_text("Link with your phone number")
    expect(page.get_by_label("WhatsApp number")).to_be_visible()
    expect(page.locator("#qr")).to_have_count(0)
    page.get_by_role("link", name="Show a QR code instead").tap()
    expect(page.locator("#qr")).to_be_visible()
    assert read_qr(page) == REF
    site.shows_qr(session, ref=OTHER_REF)  # what the reader chose stays chosen
    expect(page.locator("#qr")).to_be_visible()
    eventually(lambda: read_qr(page) == OTHER_REF)


def test_on_a_desktop_the_qr_comes_first_and_the_number_is_one_click_away(
    site: PageSite, open_page: Open
) -> None:
    session = site.create()
    site.shows_qr(session)
    page = open_page(session, **ON_DESK)
    assert read_qr(page) == REF
    page.get_by_text("Link with phone number instead").click()
    expect(page.get_by_label("WhatsApp number")).to_be_visible()


def test_a_number_as_written_at_home_gets_a_code_that_can_be_copied(site: PageSite, open_page: Open) -> None:
    session = site.create(start=False, locale="en")
    page = open_page(session, **ON_PHONE, permissions=["clipboard-read", "clipboard-write"])
    expect(page.get_by_label("Country")).to_have_value("ID")  # from the language of the phone
    page.get_by_label("WhatsApp number").fill("0812-3456-7890")
    page.get_by_role("button", name="Get a code").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Getting your code")
    assert site.services.registry.sessions.get(session.id).requested_phone == "+6281234567890"
    gives_code(site, session)
    expect(page.locator("#code")).to_have_text("ABCD-EFGH")
    page.get_by_role("button", name="Copy the code").tap()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "ABCDEFGH"
    site.is_linked(session)
    expect(page.locator("#phone-number")).to_have_text("+62 812-3456-7890")


def test_a_code_that_ran_out_leads_back_to_the_number(site: PageSite, open_page: Open) -> None:
    session = site.create(phone="+6281234567890", locale="en")
    site.shows_qr(session)
    gives_code(site, session, seconds=2)
    page = open_page(session, **ON_PHONE)
    expect(page.locator("#code")).to_be_visible()
    expect(page.get_by_label("WhatsApp number")).to_have_value("+62 812-3456-7890", timeout=10_000)
    expect(page.locator("#code")).to_have_count(0)


@BOTH
def test_an_expired_session_shows_a_qr_again_after_one_tap(
    site: PageSite, open_page: Open, device: dict[str, Any]
) -> None:
    session = site.create(locale="en")
    site.shows_qr(session)
    page = open_page(session, **device)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    site.happens(session, EventType.SESSION_EXPIRED, reason_code="qr_timeout")
    expect(page.get_by_role("heading", level=1)).to_have_text("The code has run out")
    page.get_by_role("button", name="Get a new code").click()
    eventually(lambda: site.services.registry.sessions.get(session.id).status is SessionStatus.CREATED)
    site.shows_qr(session, ref=OTHER_REF)
    if device is ON_PHONE:
        page.get_by_role("link", name="Show a QR code instead").tap()
    expect(page.locator("#qr")).to_be_visible()
    assert read_qr(page) == OTHER_REF


@BOTH
def test_a_passkey_is_explained_and_never_answered(
    site: PageSite, open_page: Open, device: dict[str, Any]
) -> None:
    session = site.create(locale="en")
    site.shows_qr(session)
    page = open_page(session, **device)
    asked: list[str] = []
    page.expose_function("askedForKey", lambda: asked.append("asked"))
    page.add_init_script("navigator.credentials.get = () => { askedForKey(); return new Promise(() => {}); }")
    page.reload()
    site.happens(
        session, EventType.PASSKEY_REQUIRED, expires_at=to_wire(site.clock.now() + timedelta(minutes=9))
    )
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm on your phone")
    expect(page.locator("#stage").get_by_text("Only the account's owner can confirm it")).to_be_visible()
    expect(page.locator("#left")).to_have_text(re.compile(r"[89]:\d\d"))
    expect(page.get_by_role("button", name="Get a new code")).to_be_visible()
    site.is_linked(session)
    expect(page.get_by_role("heading", level=1)).to_have_text("WhatsApp is linked")
    assert asked == []


@BOTH
def test_a_lost_network_is_said_and_comes_back_by_itself(
    site: PageSite, open_page: Open, device: dict[str, Any]
) -> None:
    session = site.create(locale="en")
    site.shows_qr(session)
    page = open_page(session, **device)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator("#trouble")).to_be_visible()
    site.is_linked(session)
    page.context.set_offline(False)
    expect(page.locator("#phone-number")).to_be_visible()
    expect(page.locator("#trouble")).to_be_hidden()


@BOTH
def test_two_tabs_show_the_same_and_another_browser_is_turned_away(
    site: PageSite, open_page: Open, browser: Browser, device: dict[str, Any]
) -> None:
    session = site.create(locale="en")
    site.shows_qr(session)
    page = open_page(session, **device)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    eventually(lambda: site.services.registry.sessions.get(session.id).link_browser_sha256 is not None)
    tab = page.context.new_page()
    tab.goto(page.url)
    expect(tab.get_by_role("heading", level=1)).to_have_text(
        page.get_by_role("heading", level=1).inner_text()
    )
    with browser.new_context(**device) as other:
        stranger = other.new_page()
        stranger.goto(page.url)
        expect(stranger.get_by_role("heading", level=1)).to_have_text("Opened in another browser")
        expect(stranger.locator("svg[viewBox='0 0 24 24']")).to_be_visible()
        expect(stranger.locator("#qr")).to_have_count(0)
    site.is_linked(session)
    for one in (page, tab):
        expect(one.locator("#phone-number")).to_have_text("+62 812-3456-7890")


@BOTH
def test_a_reload_changes_nothing_in_any_state(
    site: PageSite, open_page: Open, device: dict[str, Any]
) -> None:
    session = site.create(start=False, locale="en", return_url="https://app.example.com/done")
    page = open_page(session, **device)

    def same() -> None:
        heading = page.get_by_role("heading", level=1)
        page.reload()
        before, classes = heading.inner_text(), screen(page)
        page.reload()
        expect(heading).to_have_text(before)
        assert screen(page) == classes

    same()
    assert site.services.registry.sessions.get(session.id).status is SessionStatus.CREATED  # nothing started
    site.services.sessions.start(session)
    same()
    site.happens(session, EventType.SESSION_QUEUED, position=3, estimated_wait_ms=9000)
    same()
    site.happens(session, EventType.SESSION_STARTING, phase="loading")
    same()
    site.shows_qr(session)
    same()
    gives_code(site, session)
    same()
    site.happens(
        session, EventType.PASSKEY_REQUIRED, expires_at=to_wire(site.clock.now() + timedelta(minutes=9))
    )
    same()
    site.happens(session, EventType.SESSION_AUTHENTICATED)
    same()
    site.is_linked(session)
    same()
    expect(page.locator("#returning")).to_be_hidden()  # who comes back later is not sent away
    site.happens(session, EventType.SESSION_DISCONNECTED, reason_code="browser_crash")
    same()
    site.happens(session, EventType.SESSION_LOGGED_OUT, reason_code="wa_logout")
    same()
    site.services.sessions.revoke_link(session)
    same()


def test_who_saw_the_link_happen_is_taken_back_unless_they_stay(site: PageSite, open_page: Open) -> None:
    session = site.create(return_url=f"{site.origin}/link/done?order=7", reference="customer-7")
    site.shows_qr(session)
    page = open_page(session, **ON_DESK)
    tab = page.context.new_page()
    tab.goto(page.url)
    for one in (page, tab):
        expect(one.locator("#qr")).to_be_visible()
    site.is_linked(session)
    tab.get_by_role("button", name="Stay here").click()
    expect(page.get_by_text("Taking you back to Harbour & Sons")).to_be_visible()
    page.wait_for_url(re.compile(r"/link/done\?order=7&session_id=.*&signature="), timeout=20_000)
    expect(tab.locator("#phone-number")).to_be_visible()


def test_a_session_starts_after_a_tap_and_not_before(site: PageSite, open_page: Open) -> None:
    session = site.create(start=False)
    page = open_page(session, **ON_DESK)
    expect(page.get_by_text("Linking adds Harbour & Sons to the linked devices")).to_be_visible()
    assert site.services.registry.sessions.get(session.id).start_seq == 0
    page.get_by_role("button", name="Show the code").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Getting your code")
    assert site.services.registry.sessions.get(session.id).start_seq == 1
