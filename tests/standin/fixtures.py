"""Fixtures for tests of the stand-in. A test module takes them by name: `standin = fixtures.standin`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.standin.chromium import Chromium
from tests.standin.client import StandIn

OpenChromium = Callable[..., Chromium]
StartStandIn = Callable[..., StandIn]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """One driver per module: it holds an event loop, which async tests of other modules must not meet."""
    with sync_playwright() as started:
        yield started


@pytest.fixture
def start_standin() -> Iterator[StartStandIn]:
    """Starts stand-ins with the given options, and stops them."""
    with ExitStack() as started:

        def start(
            *, tls: bool = False, state_dir: Path | None = None, port: int = 0, **options: Any
        ) -> StandIn:
            return started.enter_context(StandIn.start(options, tls=tls, state_dir=state_dir, port=port))

        yield start


@pytest.fixture
def standin(start_standin: StartStandIn) -> StandIn:
    """A stand-in as it is when nobody asks for anything."""
    return start_standin()


@pytest.fixture
def open_chromium(playwright: Playwright, tmp_path: Path) -> Iterator[OpenChromium]:
    """Opens browsers on profiles of this test, and closes them. Afterwards no page has thrown."""
    opened: list[Chromium] = []
    with ExitStack() as closing:

        def open_(url: str, profile: str = "profile", *args: str, **options: Any) -> Chromium:
            browser = Chromium(playwright, tmp_path / profile, *args, **options)
            closing.callback(browser.close)
            opened.append(browser)
            return browser.open(url)

        yield open_
    assert [error for browser in opened for error in browser.errors] == []
