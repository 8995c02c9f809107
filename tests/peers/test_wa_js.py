"""Unmodified wa-js in the stand-in's page: it finds its modules, and reads what it reads on the real site."""

from collections.abc import Iterator

import pytest

from tests.peers import installed
from tests.standin import fixtures
from tests.standin.chromium import Chromium
from tests.standin.client import StandIn
from tests.standin.fixtures import OpenChromium, StartStandIn

pytestmark = [pytest.mark.browser, pytest.mark.peer]
peers_installed = installed.peers_installed
playwright = fixtures.playwright
start_standin = fixtures.start_standin
open_chromium = fixtures.open_chromium

NUMBER = "6281234567890"
# It reports its use to Google Analytics unless told not to; the page's policy would stop that as well.
CONFIG = "window.WPPConfig = { disableGoogleAnalytics: true };"
RECORD = """window.heard = [];
for (const name of ['main_init', 'main_loaded', 'main_ready', 'authenticated', 'logout'])
    WPP.on('conn.' + name, () => window.heard.push(name));"""


@pytest.fixture
def standin(start_standin: StartStandIn) -> StandIn:
    return start_standin()


@pytest.fixture
def browser(standin: StandIn, open_chromium: OpenChromium) -> Iterator[Chromium]:
    """A page into which wa-js was injected before its first script. It found every module it looked for."""
    browser = open_chromium("about:blank")
    for script in (CONFIG, installed.WA_JS.read_text(), RECORD):
        browser.context.add_init_script(script)
    browser.open(standin.url)
    browser.until("WPP.isFullReady")
    yield browser
    assert browser.complaints == []


def link(standin: StandIn, browser: Chromium) -> None:
    standin.scan(browser.qr_text(), NUMBER, pushname="Ayu")
    browser.until("WPP.conn.isMainLoaded() && window.heard.includes('authenticated')")
    browser.until_synced()


def test_finds_the_module_system(browser: Chromium) -> None:
    assert browser.page.evaluate("WPP.loader.loaderType") == "meta"


def test_reads_the_auth_code_that_links_the_page(standin: StandIn, browser: Chromium) -> None:
    code = browser.page.evaluate("WPP.conn.getAuthCode()")
    text = browser.qr_text()
    assert code["type"] == "multidevice"
    assert text.startswith(code["fullCode"])
    standin.scan(code["fullCode"], NUMBER)
    browser.until_synced()
    assert browser.page.evaluate("WPP.conn.getAuthCode()") is None


def test_hears_main_loaded_and_main_ready(standin: StandIn, browser: Chromium) -> None:
    assert browser.page.evaluate("window.heard.includes('main_loaded')") is False
    link(standin, browser)
    assert set(browser.page.evaluate("window.heard")) == {
        "main_init",
        "main_loaded",
        "main_ready",
        "authenticated",
    }


def test_reads_the_own_number_and_the_chats(standin: StandIn, browser: Chromium) -> None:
    link(standin, browser)
    assert browser.page.evaluate("WPP.conn.isAuthenticated()") is True
    assert browser.page.evaluate("String(WPP.conn.getMyUserId())") == f"{NUMBER}@c.us"
    assert browser.page.evaluate("String(WPP.conn.getMyUserLid())") == f"{browser.lid()}@lid"
    chats = browser.page.evaluate("WPP.chat.list().then((chats) => chats.map(({ id }) => String(id)))")
    assert len(chats) == standin.options()["chats"]
    groups = browser.page.evaluate("WPP.chat.list({ onlyGroups: true }).then((chats) => chats.length)")
    assert groups == sum(chat.endswith("@g.us") for chat in chats)


def test_gets_a_pairing_code(standin: StandIn, browser: Chromium) -> None:
    code = browser.page.evaluate(f"WPP.conn.startLinkDeviceCodeForPhoneNumber('{NUMBER}')")
    standin.pair(NUMBER, code)
    browser.until_synced()
    assert browser.number() == NUMBER


def test_logs_the_page_out(standin: StandIn, browser: Chromium) -> None:
    link(standin, browser)
    assert browser.page.evaluate("WPP.conn.logout()") is True
    browser.until("location.search.includes('post_logout=1')")
    assert standin.state(NUMBER)["devices"][0]["linked"] is False
