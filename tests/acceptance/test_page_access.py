"""Everybody can use the hosted page: axe at WCAG 2.2 AA, the keyboard alone, a screen reader, large text,
small windows, forced colours and calm motion, in every state."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from functions.link_view import Screen
from functions.page_language import CATALOGUE
from storage.clock import ManualClock
from storage.events import EventType
from tests.integration import page_states
from tests.integration.page_server import served
from tests.integration.page_site import REF, PageSite
from tests.integration.page_states import STATES, State
from tests.standin import chromium, fixtures

pytestmark = pytest.mark.browser
playwright = fixtures.playwright

PHONE = {"width": 390, "height": 780}
DESK = {"width": 1200, "height": 760}
SMALLEST = {"width": 320, "height": 640}
LOOKS = {
    "en": [(PHONE, "light"), (DESK, "dark")],
    "ar": [(PHONE, "dark")],
}
"""Each width, both colours, both directions. Colours are the same at each width and in both directions, and a
look costs axe 0.3 s of CPU in each of 40 states."""

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {
    "runOnly": {"type": "tag", "values": TAGS},
    "resultTypes": ["violations", "incomplete"],
    "rules": {"target-size": {"enabled": True}},
}
"""What axe leaves undecided counts as found, too: on a page this plain nothing has to."""

LIVE = "[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]"
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageSite]:
    with served(tmp_path_factory.mktemp("site"), ManualClock()) as site:
        yield site


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium.path(), args=chromium.flags())
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One reader for the whole module: a link belongs to the browser that opened it first."""
    context = browser.new_context(viewport=PHONE, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


def findings(page: Page) -> list[str]:
    found: dict[str, list[dict[str, Any]]] = page.evaluate(
        "options => axe.run(document, JSON.parse(options))", json.dumps(OPTIONS)
    )
    return [
        f"{kind}: {rule['id']}: {node['html'][:120]} {node['any'] and node['any'][0]['message']}"
        for kind in ("violations", "incomplete")
        for rule in found[kind]
        for node in rule["nodes"]
    ]


def state_named(name: str) -> State:
    return next(state for state in STATES if state.name == name)


def test_every_screen_of_the_page_is_among_the_states_that_are_looked_at() -> None:
    assert {state.screen for state in STATES if state.screen} == set(Screen) - {Screen.DELETED}


@pytest.mark.parametrize("locale", LOOKS)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_axe_finds_nothing(page: Page, site: PageSite, state: State, locale: str) -> None:
    state.enter(page, site, locale)
    page.evaluate(AXE)
    found = []
    for viewport, scheme in LOOKS[locale]:
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme} {viewport['width']}: {finding}" for finding in findings(page)]
    assert found == []


def test_the_search_for_findings_finds_what_is_wrong(page: Page, site: PageSite) -> None:
    state_named("linked").enter(page, site)
    page.evaluate(AXE)
    page.evaluate(
        """() => {
            const main = document.querySelector("main");
            for (const word of ["one", "two"]) {
                const small = main.appendChild(document.createElement("button"));
                small.textContent = word;
                small.style.cssText =
                    "width:9px;height:9px;min-height:0;padding:0;font-size:4px;display:inline";
            }
            const pale = main.appendChild(document.createElement("p"));
            pale.textContent = "pale";
            pale.style.color = "#ddd";
            main.appendChild(document.createElement("input"));
        }"""
    )
    found = " ".join(findings(page))
    assert all(rule in found for rule in ("target-size", "color-contrast", "label")), found


@pytest.mark.parametrize("locale", CATALOGUE)
def test_no_state_scrolls_sideways_in_the_smallest_window_or_with_large_text(
    page: Page, site: PageSite, locale: str
) -> None:
    wide = []
    for state in STATES:
        page.set_viewport_size(SMALLEST)
        state.enter(page, site, locale)
        if page.evaluate(TOO_WIDE):
            wide.append(f"{state.name} at 320 px")
        page.set_viewport_size(PHONE)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        if page.evaluate(TOO_WIDE):
            wide.append(f"{state.name} with text at 200%")
    assert wide == []


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_page_is_used_with_the_keyboard_alone(page: Page, site: PageSite, locale: str) -> None:
    texts = CATALOGUE[locale]
    state_named("scan").enter(page, site, locale)
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
                const here = document.activeElement, style = getComputedStyle(here);
                if (here === document.body) return null;
                const box = here.getBoundingClientRect();
                return {text: here.innerText.trim(), outline: parseFloat(style.outlineWidth),
                        shown: style.outlineStyle !== "none" && box.top >= 0 && box.bottom <= innerHeight};
            }"""
        )
        if seen is None:
            break
        assert seen["shown"], seen
        assert seen["outline"] >= 2, seen
        reached.append(seen["text"])
    assert reached[0] == texts.pairing_summary
    assert reached[-6:] == [other.name for other in CATALOGUE.values()]

    page.locator("#by-phone summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#number")).to_be_visible()
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.id") != "number":
        page.keyboard.press("Tab")
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    expect(page.locator("#number-wrong")).to_be_visible()
    expect(page.locator("#number")).to_be_focused()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_at_most_one_region_speaks_and_it_is_polite(page: Page, site: PageSite, state: State) -> None:
    state.enter(page, site)
    live = page.evaluate(
        "query => [...document.querySelectorAll(query)].map(it => it.ariaLive || it.role)", LIVE
    )
    assert live in ([], ["polite"])
    assert page.locator("#left").count() == 0 or page.locator("#left").get_attribute("aria-live") == "off"


def test_screen_reader_hears_each_state_once_and_no_countdown(page: Page, site: PageSite) -> None:
    session = site.create(locale="en")
    site.happens(session, EventType.SESSION_QUEUED, position=3, estimated_wait_ms=9000)
    page.goto(site.origin + site.path(session))
    page.evaluate(
        """() => {
            window.heard = [];
            const said = document.getElementById("said");
            new MutationObserver(() => heard.push(said.textContent))
                .observe(said, {childList: true, characterData: true, subtree: true});
        }"""
    )
    site.happens(session, EventType.SESSION_QUEUED, position=1, estimated_wait_ms=900)
    expect(page.get_by_text("Your place in line: 1")).to_be_visible()
    site.happens(session, EventType.SESSION_STARTING, phase="launching")
    expect(page.get_by_text("Starting a browser")).to_be_visible()
    site.happens(session, EventType.SESSION_PROGRESSED, phase="loading")
    expect(page.get_by_text("Opening WhatsApp Web")).to_be_visible()
    site.shows_qr(session, seconds=2)
    expect(page.locator("#qr")).to_be_visible()
    expect(page.locator("#left")).to_have_text(re.compile("0:0[01]"))
    site.shows_qr(session, ref="the next", seconds=60)
    expect(page.locator("#left")).to_have_text(re.compile("0:5[0-9]"))
    site.is_linked(session, "+6281234567899")
    expect(page.locator("#phone-number")).to_be_visible()
    heard: list[str] = page.evaluate("heard")
    assert [text.split(" ")[0] for text in heard] == ["Getting", "Scan", "WhatsApp"]
    assert "+62 812-3456-7899" in heard[-1]


def test_loss_of_the_network_is_said_once(page: Page, site: PageSite) -> None:
    state_named("offline").enter(page, site)
    expect(page.locator("#said")).to_have_text(CATALOGUE["en"].retrying)
    page.unroute("**/status*")
    expect(page.locator("#trouble")).to_be_hidden(timeout=15_000)


def test_nothing_turns_for_those_who_asked_for_calm(page: Page, site: PageSite) -> None:
    for name in ("queued", "preparing", "linking", "linked"):
        state_named(name).enter(page, site)
        moves = page.evaluate(
            """() => document.getAnimations().flatMap(it => it.effect.getKeyframes())
                .filter(frame => "transform" in frame || "strokeDashoffset" in frame).length"""
        )
        assert moves == 0, name


def test_buttons_and_fields_keep_an_edge_in_forced_colours(browser: Browser, site: PageSite) -> None:
    context = browser.new_context(viewport=PHONE, forced_colors="active")
    page = context.new_page()
    state_named("scan-form-open").enter(page, site)
    edges = page.evaluate(
        """() => [...document.querySelectorAll("button, .button, input")]
            .filter(it => it.checkVisibility())
            .map(it => [getComputedStyle(it).borderTopStyle, getComputedStyle(it).borderTopColor])"""
    )
    assert edges
    assert all(style == "solid" and colour != "rgba(0, 0, 0, 0)" for style, colour in edges)
    context.close()


@pytest.mark.parametrize("locale", ["en", "ar"])
@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize(
    "media", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}], ids=str
)
def test_qr_is_read_off_the_smallest_screen(
    browser: Browser, site: PageSite, media: dict[str, Any], scale: int, locale: str
) -> None:
    context = browser.new_context(viewport=SMALLEST, device_scale_factor=scale, **media)
    page = context.new_page()
    state_named("scan").enter(page, site, locale)
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot())))
    assert [code.text for code in found] == [REF]
    context.close()


def test_language_is_switched_without_script(browser: Browser, site: PageSite) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(site.origin + site.path(page_states.not_started(site)))
    page.get_by_role("link", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("h1")).to_have_text(CATALOGUE["ar"].screens[Screen.NOT_STARTED].title)
    context.close()
