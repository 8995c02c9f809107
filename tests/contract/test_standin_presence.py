"""Linked pages under trouble: logged out, opened twice, cut off."""

import pytest

from tests.standin import fixtures
from tests.standin.chromium import SOCKET, Chromium
from tests.standin.client import PhoneRefused, StandIn
from tests.standin.fixtures import OpenChromium

pytestmark = pytest.mark.browser
playwright = fixtures.playwright
start_standin = fixtures.start_standin
standin = fixtures.standin
open_chromium = fixtures.open_chromium

NUMBER = "6281234567890"
RECORD_STATES = f"""void (() => {{
    window.states = [];
    {SOCKET}.on('change:state', (socket, state) => window.states.push(state));
}})()"""


@pytest.fixture
def browser(standin: StandIn, open_chromium: OpenChromium) -> Chromium:
    """A page linked to NUMBER."""
    browser = open_chromium(standin.url)
    standin.scan(browser.qr_text(), NUMBER)
    browser.until_synced()
    return browser


def test_phone_removes_the_device_of_an_open_page(standin: StandIn, browser: Chromium) -> None:
    told: list[str] = []
    browser.page.expose_function("told", lambda name: told.append(name))
    browser.page.evaluate(
        "void ['logout', 'logout_from_bridge'].forEach((name) => "
        "require('WAWebCmd').Cmd.on(name, () => window.told(name)))"
    )
    old = browser.page.evaluate("require('StandInIdentity').hello().identity")
    standin.revoke(NUMBER)
    browser.until("location.search.includes('post_logout=1')")
    assert old not in browser.qr_text()
    assert told == ["logout", "logout_from_bridge"]
    assert [device["state"] for device in standin.state(NUMBER)["devices"]] == ["revoked"]
    with pytest.raises(PhoneRefused, match="no_device"):
        standin.revoke(NUMBER)


def test_page_logs_itself_out(standin: StandIn, browser: Chromium) -> None:
    browser.page.evaluate(f"{SOCKET}.logout()")
    browser.until("location.search.includes('post_logout=1')")
    browser.qr_text()
    assert standin.state(NUMBER)["devices"][0]["linked"] is False


def test_conflict_takes_the_page_over_until_it_takes_it_back(standin: StandIn, browser: Chromium) -> None:
    standin.conflict(NUMBER)
    browser.until_state("CONFLICT")
    browser.page.evaluate(f"{SOCKET}.takeover()")
    browser.until_state("CONNECTED")
    assert standin.stats()["double_runs"] == 0


def test_device_opened_twice_is_a_counted_conflict(
    standin: StandIn, browser: Chromium, open_chromium: OpenChromium
) -> None:
    second = browser.context.new_page()
    second.goto(standin.url)
    browser.until_state("CONFLICT")
    assert standin.stats()["double_runs"] == 1
    browser.page.evaluate(f"{SOCKET}.takeover()")
    browser.until_state("CONNECTED")
    assert standin.stats()["double_runs"] == 1
    (device,) = standin.state(NUMBER)["devices"]
    assert (device["pages"], device["state"]) == (2, "CONNECTED")


def test_reload_is_no_double_run(standin: StandIn, browser: Chromium) -> None:
    for _ in range(3):
        browser.page.reload()
        browser.until_synced()
    stats = standin.stats()
    assert (stats["double_runs"], stats["stale_replaced"]) == (0, 0)


def test_page_that_does_not_answer_is_replaced_without_a_double_run(
    standin: StandIn, browser: Chromium
) -> None:
    """A frozen browser keeps its connection; that is not two browsers running one account."""
    second = browser.context.new_page()
    second.add_init_script("sessionStorage.setItem('tab', 'another')")
    busy = "new Promise(() => { for (const end = Date.now() + 1500; Date.now() < end; ); })"
    browser.page.evaluate(f"void setTimeout(() => {busy}, 0)")
    second.goto(standin.url)
    standin.wait_for(lambda: standin.stats()["stale_replaced"] == 1, "the busy page counts as gone")
    assert standin.stats()["double_runs"] == 0


def test_dropped_socket_comes_back_by_itself(standin: StandIn, browser: Chromium) -> None:
    browser.page.evaluate(RECORD_STATES)
    connects = standin.stats()["socket_connects"]
    standin.drop(NUMBER)
    browser.until("window.states.at(-1) === 'CONNECTED'")
    assert browser.page.evaluate("window.states") == ["TIMEOUT", "OPENING", "CONNECTED"]
    assert browser.page.evaluate(f"{SOCKET}.hasSynced") is True
    assert standin.stats()["socket_connects"] == connects + 1


def test_drop_of_an_unlinked_page_brings_a_new_ref(standin: StandIn, open_chromium: OpenChromium) -> None:
    browser = open_chromium(standin.url)
    old = browser.qr_text()
    standin.drop()
    browser.until(f"document.querySelector('[data-ref]')?.dataset.ref !== '{old}'")
    assert browser.qr_text() != old


def test_offline_phone_refuses_sockets_until_it_is_back(standin: StandIn, browser: Chromium) -> None:
    standin.offline(NUMBER, 1)
    browser.until_state("TIMEOUT")
    refused_from = standin.stats()["socket_connects"]
    standin.wait_for(lambda: standin.stats()["socket_connects"] > refused_from, "the page tries again")
    assert standin.state(NUMBER)["devices"][0]["state"] == "away"
    browser.until_synced()
    assert standin.state(NUMBER)["devices"][0]["state"] == "CONNECTED"
