"""Hosted pages inside other sites, in a real Chromium: who may frame them, and what those sites hear."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, Route, expect
from werkzeug.serving import make_server

from storage.clock import SystemClock
from storage.sessions import Session
from tests.integration.page_site import REF, PageSite, services_in
from tests.standin import chromium, fixtures
from tests.waiting import eventually

pytestmark = pytest.mark.browser
playwright = fixtures.playwright

AROUND = """<!doctype html><title>Shop</title><script>
const heard = [];
addEventListener("message", ({origin, data}) => {
  heard.push({origin, ...data});
  if (data.event === "resize") document.querySelector("iframe").style.height = data.height + "px";
});
</script><iframe src="%s" style="width:400px;height:300px"></iframe>"""


class Site:
    """Another site: a page that frames the address it is given, and writes down what it hears."""

    def __init__(self, host: str) -> None:
        self.framed = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = (AROUND % site.framed).encode() if self.path == "/" else b""
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.block_on_close = False
        self.origin = f"http://{host}:{self.server.server_address[1]}"


@contextmanager
def serving(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Without sandbox, for tests as root: it opens our own pages only."""
    browser = playwright.chromium.launch(executable_path=chromium.path(), args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[PageSite]:
    services = services_in(tmp_path, SystemClock())
    page_site = PageSite(services, SystemClock())
    server = make_server("127.0.0.1", 0, page_site.app, threaded=True)
    page_site.origin = f"http://127.0.0.1:{server.server_port}"
    with serving(server):
        yield page_site
    services.close()


@pytest.fixture(scope="module")
def shop() -> Iterator[Site]:
    """The workspace's own site."""
    shop = Site("127.0.0.1")
    with serving(shop.server):
        yield shop


@pytest.fixture(scope="module")
def stranger() -> Iterator[Site]:
    """Somebody else's."""
    stranger = Site("localhost")
    with serving(stranger.server):
        yield stranger


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def around(context: BrowserContext, other: Site, site: PageSite, session: Session) -> Page:
    """A page of the other site with the hosted page in it."""
    other.framed = site.origin + site.path(session)
    page = context.new_page()
    page.goto(other.origin + "/")
    return page


def listing(site: PageSite, *origins: str, **more: Any) -> Session:
    site.services.workspaces.change(
        site.workspace.id, lambda before: replace(before, allowed_origins=origins, **more)
    )
    return site.create()


def heard(page: Page, event: str = "status") -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = page.evaluate("heard")
    return [message for message in messages if message.get("event") == event]


def statuses(page: Page) -> list[str]:
    return [message["status"] for message in heard(page)]


def test_the_workspaces_site_hears_every_state_and_no_secret(
    context: BrowserContext, site: PageSite, shop: Site
) -> None:
    session = listing(site, "https://elsewhere.example", shop.origin)
    page = around(context, shop, site, session)
    eventually(lambda: statuses(page) == ["created"], "the first state was heard")
    site.shows_qr(session)
    frame = page.frame_locator("iframe")
    expect(frame.locator("#qr")).to_be_visible()
    site.is_linked(session)
    expect(frame.locator("#phone-number")).to_be_visible()
    eventually(lambda: statuses(page)[-1] == "connected", "the link was heard")
    assert statuses(page)[:2] == ["created", "qr_scanning"]
    for message in heard(page):
        assert (message["type"], message["origin"]) == ("linkpool", site.origin)
        assert message["session_id"] == session.id
    told = json.dumps(page.evaluate("heard"))
    for secret in ("6281234567890", REF[:40], site.path(session).rpartition("/")[2]):
        assert secret not in told


def test_the_site_hears_how_high_the_page_is(context: BrowserContext, site: PageSite, shop: Site) -> None:
    session = listing(site, shop.origin)
    page = around(context, shop, site, session)
    rest = "document.documentElement.scrollHeight - document.documentElement.clientHeight"
    eventually(lambda: bool(heard(page, "resize")), "a height was heard")
    eventually(lambda: page.frames[1].evaluate(rest) == 0, "nothing has to be scrolled")
    site.shows_qr(session)
    site.is_linked(session)
    expect(page.frame_locator("iframe").locator("#phone-number")).to_be_visible()
    heights = [message["height"] for message in heard(page, "resize")]
    eventually(lambda: heard(page, "resize")[-1]["height"] < heights[0], "it shrinks with what it shows")
    assert len(heard(page, "resize")) < 10


def test_another_site_is_refused_by_the_browser_and_hears_nothing(
    context: BrowserContext, site: PageSite, shop: Site, stranger: Site
) -> None:
    session = listing(site, shop.origin)
    site.shows_qr(session)
    refusals: list[str] = []
    context.on("console", lambda message: refusals.append(message.text))
    page = around(context, stranger, site, session)
    eventually(lambda: any("frame-ancestors" in text for text in refusals), "the browser refused")
    assert page.frames[1].url.startswith("chrome-error:")
    assert page.evaluate("heard") == []


def test_a_workspace_that_lists_nobody_is_framed_by_nobody(
    context: BrowserContext, site: PageSite, shop: Site
) -> None:
    refusals: list[str] = []
    context.on("console", lambda message: refusals.append(message.text))
    page = around(context, shop, site, listing(site))
    eventually(lambda: any("frame-ancestors" in text for text in refusals), "the browser refused")
    assert page.evaluate("heard") == []


def test_a_form_in_a_frame_is_taken_as_the_pages_own(
    context: BrowserContext, site: PageSite, shop: Site
) -> None:
    listing(site, shop.origin)
    session = site.create(start=False)
    page = around(context, shop, site, session)
    page.frame_locator("iframe").locator("#start").click()
    eventually(lambda: site.services.registry.sessions.get(session.id).started, "it was started")


def test_the_logos_host_is_not_told_the_address_of_the_page(context: BrowserContext, site: PageSite) -> None:
    cdn = "https://cdn.example.com"
    session = listing(site, logo_origins=(cdn,), logo_url=f"{cdn}/logo.svg", accent_color="#ffd400")
    asked: list[Request] = []

    def answer(route: Route) -> None:
        asked.append(route.request)
        route.fulfill(
            content_type="image/svg+xml",
            body='<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9"/></svg>',
        )

    context.route(f"{cdn}/**", answer)
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text))
    page = context.new_page()
    page.goto(site.origin + site.path(session))
    eventually(
        lambda: page.evaluate("document.querySelector('img.logo').naturalWidth") == 9, "the logo is shown"
    )
    assert [request.url for request in asked] == [f"{cdn}/logo.svg"]
    assert "referer" not in asked[0].all_headers()
    assert complaints == []
    page.evaluate("new Image().src = 'https://tracker.example/pixel.png'")
    eventually(lambda: any("img-src" in text for text in complaints), "no other picture is loaded")
