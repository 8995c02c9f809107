"""The hosted page in a real Chromium, as a person meets it."""

import io
import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, Request, expect
from werkzeug.serving import make_server

from storage.clock import SystemClock, to_wire
from storage.events import EventType
from storage.sessions import Session
from tests.integration.page_site import REF, PageSite, services_in
from tests.standin import chromium, fixtures

pytestmark = pytest.mark.browser
playwright = fixtures.playwright

PHONE = {"width": 320, "height": 700}
DESK = {"width": 1200, "height": 800}
OTHER_REF = REF.replace("Ab3", "Cd4")

STATUS = "**/status?*"

Open = Callable[..., Page]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[PageSite]:
    """The page on a port of this machine."""
    clock = SystemClock()
    services = services_in(tmp_path, clock)
    page_site = PageSite(services, clock)
    server = make_server("127.0.0.1", 0, page_site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    page_site.origin = f"http://127.0.0.1:{server.server_port}"
    yield page_site
    server.shutdown()
    thread.join()
    server.server_close()
    services.close()


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Without sandbox, for tests as root: it opens our own page only."""
    browser = playwright.chromium.launch(executable_path=chromium.path(), args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture
def open_page(browser: Browser, site: PageSite) -> Iterator[Open]:
    """Opens the page of a session. Afterwards nothing was asked of anybody else, and nothing complained."""
    complaints: list[str] = []
    requests: list[Request] = []
    contexts = []

    def open_(session: Session, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": PHONE, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request))
        page.goto(site.origin + site.path(session))
        return page

    yield open_
    for context in contexts:
        context.close()
    expected = re.compile(r"Failed to load resource")
    assert [complaint for complaint in complaints if not expected.search(complaint)] == []
    assert {request.url.split("/link/")[0] for request in requests if request.url[:5] != "data:"} <= {
        site.origin
    }


def read_qr(page: Page) -> str:
    """What a camera pointed at the screen reads."""
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot())))
    assert len(found) == 1, f"{len(found)} QRs on the screen"
    return found[0].text


def polls(page: Page) -> list[Request]:
    """Every status that the page asks for from now on."""
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request) if "/status?" in request.url else None)
    return seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["320px", "desktop"])
def test_qr_can_be_scanned_off_the_screen(
    site: PageSite, open_page: Open, scheme: str, viewport: dict[str, int]
) -> None:
    session = site.create()
    site.shows_qr(session)
    page = open_page(session, color_scheme=scheme, viewport=viewport)
    assert read_qr(page) == REF


def test_next_qr_comes_by_itself_and_the_dead_one_goes(site: PageSite, open_page: Open) -> None:
    session = site.create()
    site.shows_qr(session, seconds=1.5)
    page = open_page(session)
    expect(page.get_by_text("Getting a new code", exact=True)).to_be_visible()
    assert zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot()))) == []
    site.shows_qr(session, ref=OTHER_REF)
    expect(page.locator("#qr")).to_be_visible()
    assert read_qr(page) == OTHER_REF


def test_countdown_runs_by_the_servers_time(site: PageSite, open_page: Open) -> None:
    session = site.create()
    site.shows_qr(session, seconds=30)
    wrong_clock = (
        "Date.now = () => 0; const D = Date; Date = class extends D { constructor() { super(0); } };"
    )
    page = open_page(session)
    page.context.add_init_script(wrong_clock)
    page.reload()
    left = page.locator("#left")
    expect(left).to_have_text(re.compile(r"0:(30|29|28)"))
    expect(left).to_have_text(re.compile(r"0:2[0-7]"), timeout=6000)


def test_phone_number_appears_after_the_scan(site: PageSite, open_page: Open) -> None:
    session = site.create(return_url="https://app.example.com/done")
    site.shows_qr(session)
    page = open_page(session)
    expect(page.locator("#qr")).to_be_visible()
    site.happens(session, EventType.SESSION_AUTHENTICATED)
    expect(page.get_by_role("heading")).to_have_text("Your phone said yes")
    site.happens(
        session,
        EventType.SESSION_READY,
        phone_number="+6281234567890",
        display_name="Ayu",
        platform="android",
    )
    expect(page.locator("#phone-number")).to_have_text("+62 812-3456-7890", timeout=1500)
    expect(page.get_by_role("heading")).to_have_text("WhatsApp is linked")
    expect(page.locator("#said")).to_contain_text("WhatsApp is linked")
    assert page.get_by_role("link", name="Back to Harbour & Sons").get_attribute("href") == (
        site.path(session) + "/return"
    )
    assert page.title().startswith("WhatsApp is linked")


def test_everything_works_without_script(site: PageSite, open_page: Open) -> None:
    session = site.create(start=False)
    page = open_page(session, java_script_enabled=False)
    page.get_by_role("button", name="Show the code").click()
    expect(page.get_by_role("heading")).to_have_text("Getting your code")
    site.shows_qr(session)
    expect(page.locator("#qr")).to_be_visible(timeout=8000)
    assert read_qr(page) == REF
    page.get_by_role("link", name="Link with phone number instead").click()
    expect(page.get_by_label("WhatsApp number")).to_be_visible()
    page.get_by_role("link", name="Show a QR code instead").click()
    site.is_linked(session)
    expect(page.locator("#phone-number")).to_have_text("+62 812-3456-7890", timeout=8000)


def test_number_being_typed_survives_a_new_qr(site: PageSite, open_page: Open) -> None:
    session = site.create()
    site.shows_qr(session)
    page = open_page(session)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # the country
    page.keyboard.press("Tab")
    page.keyboard.type("+62 812")
    stage = page.locator("#stage")
    shown = stage.get_attribute("data-key") or ""
    site.shows_qr(session, ref=OTHER_REF)
    expect(stage).not_to_have_attribute("data-key", shown)
    expect(page.get_by_label("WhatsApp number")).to_have_value("+62 812")
    expect(page.get_by_label("WhatsApp number")).to_be_focused()


def test_wrong_number_is_told_and_a_right_one_taken(site: PageSite, open_page: Open) -> None:
    session = site.create(start=False)
    page = open_page(session)
    page.get_by_text("Link with phone number instead").click()
    field = page.get_by_label("WhatsApp number")
    field.fill("0812")
    page.get_by_role("button", name="Get a code").click()
    expect(field).to_have_accessible_description(re.compile("Start with \\+"))
    expect(field).to_have_value("0812")
    field.fill("+62 812 3456 7890")
    page.get_by_role("button", name="Get a code").click()
    expect(page.get_by_role("heading")).to_have_text("Getting your code")
    expires_at = to_wire(site.clock.now() + timedelta(seconds=170))
    site.happens(
        session,
        EventType.PAIRING_CODE_GENERATED,
        code="ABCD-EFGH",
        phone_number="+6281234567890",
        expires_at=expires_at,
    )
    expect(page.locator("#code")).to_have_text("ABCD-EFGH")


def test_page_says_that_it_is_retrying(site: PageSite, open_page: Open) -> None:
    session = site.create()
    site.shows_qr(session)
    page = open_page(session)
    page.route(STATUS, lambda route: route.abort())
    expect(page.locator("#trouble")).to_be_visible()
    page.unroute(STATUS)
    expect(page.locator("#trouble")).to_be_hidden(timeout=8000)


def test_hidden_page_rests_and_looks_at_once_when_shown(site: PageSite, open_page: Open) -> None:
    session = site.create()
    site.shows_qr(session)
    page = open_page(session)
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(hide, True)
    seen = polls(page)
    page.wait_for_timeout(2500)  # three polls of a page that is looked at
    assert seen == []
    with page.expect_request(STATUS, timeout=1000) as asked:
        page.evaluate(hide, False)
    assert "if-none-match" not in asked.value.headers


def test_link_that_ends_is_told(site: PageSite, open_page: Open) -> None:
    session = site.create()
    site.shows_qr(session)
    page = open_page(session)
    site.services.sessions.delete(session)
    expect(page.get_by_role("heading")).to_have_text(re.compile("This link was removed|No such link"))


def test_every_screen_fits_a_small_phone(site: PageSite, open_page: Open) -> None:
    session = site.create(return_url="https://app.example.com/done")
    page = open_page(session)

    def fits() -> None:
        page.reload()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]

    fits()
    site.happens(session, EventType.SESSION_QUEUED, position=3, estimated_wait_ms=9000)
    fits()
    site.shows_qr(session)
    fits()
    site.happens(
        session, EventType.PASSKEY_REQUIRED, expires_at=to_wire(site.clock.now() + timedelta(minutes=9))
    )
    fits()
    site.is_linked(session)
    fits()
    site.happens(session, EventType.SESSION_LOGGED_OUT, reason_code="wa_logout")
    fits()
