"""The site around the page: loader, policy, which browsers it knows, how heavy it is, how it fails."""

import os
import signal
import socket
import ssl
import subprocess
import sys

import pytest
import requests
from playwright.sync_api import Error
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.standin import fixtures
from tests.standin.chromium import Chromium
from tests.standin.client import ROOT, PhoneRefused, StandIn
from tests.standin.fixtures import OpenChromium, StartStandIn
from tests.standin.options import PRESETS

playwright = fixtures.playwright
start_standin = fixtures.start_standin
standin = fixtures.standin
open_chromium = fixtures.open_chromium

NUMBER = "6281234567890"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
BRANDS = [{"brand": "Chromium", "version": "156"}, {"brand": "Google Chrome", "version": "156"}]
MODULES = "Object.values(window.require('__debug').modulesMap)"


def disguised(browser: Chromium) -> Chromium:
    """The same browser, its page calling itself Chrome everywhere."""
    session = browser.context.new_cdp_session(browser.page)
    system = {"platform": "Linux", "platformVersion": "", "architecture": "x86", "model": "", "mobile": False}
    session.send(
        "Emulation.setUserAgentOverride",
        {"userAgent": CHROME, "userAgentMetadata": {"brands": BRANDS, "fullVersionList": BRANDS, **system}},
    )
    return browser


@pytest.mark.browser
def test_unknown_module_throws(standin: StandIn, open_chromium: OpenChromium) -> None:
    browser = open_chromium(standin.url)
    browser.qr_text()
    with pytest.raises(Error, match='Requiring unknown module "WAWebNothing"'):
        browser.page.evaluate("window.require('WAWebNothing')")


@pytest.mark.browser
def test_modules_register_progressively(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(boot_ms=1_500)
    browser = open_chromium(standin.url)
    early = browser.until(f"window.require && {MODULES}.length")
    with pytest.raises(Error, match="Requiring unknown module"):
        browser.page.evaluate("window.require('WAWebSocketModel')")
    browser.qr_text()
    assert browser.page.evaluate(f"{MODULES}.length") > early
    assert browser.page.evaluate("performance.now()") > 1_500


@pytest.mark.browser
@pytest.mark.parametrize("debug", ["late", "absent"])
def test_debug_version_may_be_late_or_absent(
    start_standin: StartStandIn, open_chromium: OpenChromium, debug: str
) -> None:
    standin = start_standin(debug=debug, debug_late_ms=500)
    browser = open_chromium(standin.url)
    browser.qr_text()
    assert browser.page.evaluate("window.Debug === undefined")
    if debug == "late":
        assert browser.until("window.Debug?.VERSION") == standin.options()["version"]


@pytest.mark.browser
def test_policy_forbids_inline_scripts_and_eval(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    standin = start_standin()
    browser = open_chromium(standin.url)
    browser.qr_text()
    inline = """() => {
        const script = document.createElement('script');
        script.textContent = 'window.ran = 1';
        document.head.append(script);
        return window.ran ?? null;
    }"""
    assert browser.page.evaluate(inline) is None
    # In a task of its own: what DevTools evaluates itself is allowed more.
    evaluated = """() => new Promise((resolve) => setTimeout(() => {
        try {
            resolve(new Function('return "ran"')());
        } catch (error) {
            resolve(error.name);
        }
    }))"""
    assert browser.page.evaluate(evaluated) == "EvalError"
    standin.options(strict_csp=False)
    browser.page.reload()
    browser.qr_text()
    assert browser.page.evaluate(inline) == 1


@pytest.mark.browser
def test_assets_come_from_the_service_worker_the_second_time(
    standin: StandIn, open_chromium: OpenChromium
) -> None:
    browser = open_chromium(standin.url)
    browser.qr_text()
    browser.until("Boolean(navigator.serviceWorker.controller)")
    browser.page.reload()  # now through the worker, into its cache
    browser.qr_text()
    loads = standin.stats()
    browser.page.reload()
    browser.qr_text()
    again = standin.stats()
    assert again["asset_loads"] == loads["asset_loads"]
    assert again["index_loads"] == loads["index_loads"] + 1


@pytest.mark.browser
def test_headless_browser_is_refused(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(refuse_headless=True)
    browser = open_chromium(standin.url)
    browser.page.wait_for_selector("#unsupported")
    assert browser.page.evaluate("window.require === undefined")
    leaks = standin.stats()["ua_leaks"]
    assert {"page:user-agent", "page:sec-ch-ua"} <= set(leaks)


@pytest.mark.browser
def test_client_hints_give_away_who_changed_only_the_user_agent(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    standin = start_standin(refuse_headless=True)
    browser = open_chromium(standin.url, "profile", f"--user-agent={CHROME}")
    browser.page.wait_for_selector("#unsupported")
    leaks = standin.stats()["ua_leaks"]
    assert "page:user-agent" not in leaks
    assert leaks["page:sec-ch-ua"] > 0


@pytest.mark.browser
def test_service_worker_gives_away_who_changed_only_the_page(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    """Overriding a page over CDP covers its headers and its dedicated workers, and nothing beyond."""
    standin = start_standin(refuse_headless=True)
    browser = disguised(open_chromium("about:blank")).open(standin.url)
    browser.page.wait_for_selector("#unsupported")
    assert {leak.split(":")[0] for leak in standin.stats()["ua_leaks"]} == {"service_worker"}


@pytest.mark.browser
def test_browser_that_leaks_nowhere_is_let_in(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    standin = start_standin(refuse_headless=True)
    browser = disguised(
        open_chromium("about:blank", "profile", f"--user-agent={CHROME}", service_workers="block")
    ).open(standin.url)
    browser.qr_text()
    assert standin.stats()["ua_leaks"] == {}
    assert standin.stats()["pages_refused"] == 0


@pytest.mark.browser
def test_leaks_are_counted_where_they_are_seen(standin: StandIn, open_chromium: OpenChromium) -> None:
    open_chromium(standin.url).qr_text()
    everywhere = {
        f"{where}:{what}"
        for where in ("page", "worker", "service_worker")
        for what in ("user-agent", "user_agent", "brands")
    }
    standin.wait_for(lambda: everywhere <= set(standin.stats()["ua_leaks"]), "all places told")
    assert standin.stats()["pages_refused"] == 0


@pytest.mark.browser
def test_qr_may_never_come(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(never_qr=True)
    browser = open_chromium(standin.url)
    browser.until_state("OPENING")
    standin.wait_for(lambda: standin.stats()["sockets_open"] == 1, "the page is connected")
    assert browser.page.locator("[data-ref]").count() == 0
    assert standin.stats()["refs_issued"] == 0


@pytest.mark.browser
def test_index_may_hang(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(hang=True)
    browser = open_chromium("about:blank")
    with pytest.raises(PlaywrightTimeout):
        browser.page.goto(standin.url, timeout=300)


@pytest.mark.browser
def test_tls_port_serves_the_real_name(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(tls=True)
    browser = open_chromium("https://web.whatsapp.com/", "profile", *standin.browser_args)
    standin.scan(browser.qr_text(), NUMBER)
    browser.until_synced()
    assert browser.page.evaluate("location.origin") == "https://web.whatsapp.com"


@pytest.mark.browser
def test_medium_weight_is_what_the_figures_say(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    standin = start_standin(weight="medium", ref_ms=0)
    browser = open_chromium(standin.url)
    browser.qr_text()
    assert browser.page.evaluate("performance.now()") >= 800
    modules = browser.page.evaluate(f"{MODULES}.length")
    ran = browser.page.evaluate(f"{MODULES}.filter(({{ module }}) => module).length")
    script_bytes = browser.page.evaluate(
        "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js'))"
        ".reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)"
    )
    index_bytes = browser.page.evaluate("performance.getEntriesByType('navigation')[0].decodedBodySize")
    session = browser.context.new_cdp_session(browser.page)
    session.send("HeapProfiler.collectGarbage")
    heap_bytes = session.send("Runtime.getHeapUsage")["usedSize"]
    assert 5_400 <= modules <= 5_600
    assert 0.45 < ran / modules < 0.55
    assert script_bytes == pytest.approx(6_000_000, rel=0.1)
    assert index_bytes == pytest.approx(580_000, rel=0.1)
    assert heap_bytes == pytest.approx(40_000_000, rel=0.1)


def test_index_may_fail_or_be_slow(start_standin: StartStandIn) -> None:
    standin = start_standin(http_500=True)
    assert requests.get(standin.url, timeout=5).status_code == 500
    standin.options(http_500=False, slow_index_ms=400)
    with pytest.raises(requests.ReadTimeout):
        requests.get(standin.url, timeout=0.2)
    assert requests.get(standin.url, timeout=5).status_code == 200
    assert standin.stats()["index_loads"] == 3


def test_tls_certificate_names_the_real_site(start_standin: StartStandIn) -> None:
    standin = start_standin(tls=True)
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", standin.tls_port or 0), timeout=5) as raw,
        trusting.wrap_socket(raw, server_hostname="web.whatsapp.com") as wrapped,
    ):
        assert b"web.whatsapp.com" in (wrapped.getpeercert(binary_form=True) or b"")


def test_options_start_from_a_preset_and_refuse_nonsense(start_standin: StartStandIn) -> None:
    standin = start_standin(weight="light", sync_ms=7)
    assert standin.options()["sync_ms"] == 7
    assert standin.options(weight="medium").items() >= PRESETS["medium"].items()
    for wrong in ({"nothing": 1}, {"sync_ms": "soon"}, {"weight": "feather"}, {"passkey": 1}):
        with pytest.raises(PhoneRefused, match="bad_option"):
            standin.options(**wrong)


def test_wrong_options_are_refused_at_the_start() -> None:
    command = [sys.executable, "-m", "tests.standin", "--options", '{"nothing": 1}']
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "standin: option 'nothing' does not exist\n"


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_process_says_where_it_serves_and_stops_cleanly(name: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.standin"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("standin ready http://127.0.0.1:")
        assert requests.get(line.split()[-1], timeout=5).status_code == 200
        os.kill(process.pid, name)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
