"""The same walk through whichever functions: create, page, QR, scan, number, webhook, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import zxingcpp
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from browser_pool.chromium import find_executable
from tests.system import System
from tests.waiting import eventually

PHONE = "+6281234567890"


@contextmanager
def browser_page() -> Iterator[Page]:
    """The end user's own browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_executable(None), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser.new_page()
        browser.close()


def decode(picture: bytes) -> str | None:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    return found[0].text if found else None


def walk(system: System) -> str:
    """Link one account, as a backend and a person do it; give the session's id."""
    session = system.create(reference="customer-7")
    system.until(session["id"], lambda one: one["qr"] is not None)
    picture = system.call("GET", f"/api/sessions/{session['id']}/qr.png")
    assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/png")
    assert decode(picture.content) is not None
    with browser_page() as page:
        page.goto(session["link_url"])
        text = eventually(lambda: decode(page.screenshot()), "the page shows a QR that decodes")
        system.standin.scan(text, PHONE, pushname="Ayu")
        page.get_by_text("812").first.wait_for(timeout=15_000)
    linked = system.until(session["id"], "connected")
    assert (linked["phone_number"], linked["is_primary"]) == (PHONE, True)
    (ready,) = eventually(lambda: system.receiver.of_type("session_ready"), "the backend heard of it")
    assert ready.data["phone_number"] == PHONE
    order = ["qr_code_generated", "session_authenticated", "session_ready"]
    assert [type_ for type_ in system.receiver.types(session["id"]) if type_ in order][-3:] == order
    return str(session["id"])
