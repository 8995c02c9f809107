"""The hosted page as its user sees it, in a real Chromium that notes when what was painted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

PHONE: ViewportSize = {"width": 390, "height": 844}
PAINTED_WITHIN = 30.0  # seconds
ASK_EVERY_MS = 50

# Looks once per frame. What is in the layout of one frame is on the screen when the frame after it begins, so
# the moment is taken two frames later: never too early, at most 33 ms too late.
WATCH = """
(() => {
  window.painted = {};
  const wanted = {qr: '#qr svg', number: '#phone-number'};
  const now = () => (performance.timeOrigin + performance.now()) / 1000;
  const visible = (element) => {
    const box = element?.getBoundingClientRect();
    return box && box.width > 0 && box.height > 0 && getComputedStyle(element).visibility === 'visible';
  };
  const look = () => {
    for (const [name, selector] of Object.entries(wanted)) {
      const element = document.querySelector(selector);
      if (!visible(element)) continue;
      delete wanted[name];
      requestAnimationFrame(() => requestAnimationFrame(() => { window.painted[name] = now(); }));
    }
    if (Object.keys(wanted).length) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


class HostedPage:
    """One open page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def opened_at(self) -> float:
        """The moment at which the navigation began."""
        at: float = self._page.evaluate("performance.timeOrigin / 1000")
        return at

    def painted_at(self, name: str) -> float:
        """The moment at which `qr` or `number` was on the screen. The page notes it itself."""
        deadline = time.monotonic() + PAINTED_WITHIN
        while (at := self._page.evaluate(f"window.painted.{name} ?? null")) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {name} on the page within {PAINTED_WITHIN:g} s")
            self._page.wait_for_timeout(ASK_EVERY_MS)
        moment: float = at
        return moment


class EndUser:
    """A browser that is running already; every page is opened with empty caches."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def opens(self, url: str) -> Iterator[HostedPage]:
        context = self._browser.new_context(viewport=PHONE)
        try:
            context.add_init_script(WATCH)
            page = context.new_page()
            page.goto(url, wait_until="commit")
            yield HostedPage(page)
        finally:
            context.close()


@contextmanager
def end_user(executable: str) -> Iterator[EndUser]:
    """Without sandbox, for a bench as root: it opens our own page only."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            yield EndUser(browser)
        finally:
            browser.close()
