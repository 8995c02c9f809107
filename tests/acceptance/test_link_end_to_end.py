"""The promise, with every part real: from a call to a linked account, as each person meets it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from browser_pool.chromium import find_executable
from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
PHONE = "+6281234567890"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
def page() -> Iterator[Page]:
    """A second real browser: the end user's."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=find_executable(None), args=arguments)
        yield browser.new_page()
        browser.close()


def decode(picture: bytes) -> str | None:
    """The text of the QR in a screenshot."""
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    return found[0].text if found else None


def test_a_person_scans_the_hosted_page_and_sees_the_number(system: System, page: Page) -> None:
    session = system.create(reference="customer-7")
    page.goto(session["link_url"])

    text = eventually(lambda: decode(page.screenshot()), "the page shows a QR that decodes")
    system.standin.scan(text, PHONE, pushname="Ayu")

    page.get_by_text("812").first.wait_for(timeout=10_000)
    assert "1234" in page.inner_text("body").replace(" ", "").replace("-", "")
    linked = system.until(session["id"], "connected")
    assert linked["phone_number"] == PHONE
    assert linked["is_primary"] is True
    assert linked["timings"]["qr_generation_ms"] > 0
    assert linked["timings"]["phone_extraction_ms"] >= 0
    ready = eventually(
        lambda: [
            one for one in system.receiver.of_type("session_ready") if one.data["session_id"] == session["id"]
        ],
        "the backend got session_ready",
    )
    assert ready[0].data["phone_number"] == PHONE
    assert ready[0].data["reference"] == "customer-7"
    types = system.receiver.types(session["id"])
    order = ["qr_code_generated", "session_authenticated", "session_ready"]
    assert [type_ for type_ in types if type_ in order][-3:] == order
    story = eventually(lambda: painted(system, session["id"]), "the page told what it painted")
    assert [what for what in story if what in ("qr_shown", "painted qr", "scanned", "painted number")] == [
        "qr_shown",
        "painted qr",
        "scanned",
        "painted number",
    ]


def painted(system: System, session_id: str) -> list[str] | None:
    """The steps of a session, once its number was painted."""
    steps = system.call("GET", f"/api/sessions/{session_id}/timeline").json()["steps"]
    told = [" ".join([step["what"], step["details"].get("what", "")]).strip() for step in steps]
    return told if "painted number" in told else None


def test_the_number_arrives_when_the_functions_were_down_during_the_scan(tmp_path: Path) -> None:
    with System(tmp_path) as system:
        session = system.create()
        shown = system.until(session["id"], lambda one: one["qr"] is not None)
        system.kill("functions")
        system.standin.scan(shown["qr"]["text"], PHONE)
        eventually(
            lambda: system.pool_call("GET", "/sessions")["sessions"][0]["status"] == "connected",
            "the pool holds a linked account",
        )
        system.start("functions")
        system.wait_for_node()
        linked = system.until(session["id"], "connected")
        assert linked["phone_number"] == PHONE
        eventually(lambda: system.receiver.of_type("session_ready"), "the webhook arrived")
        ids = [one.id for one in system.receiver.received]
        assert len(ids) == len(set(ids))


def test_a_pairing_code_links_the_same_phone(system: System) -> None:
    session = system.create(phone="+628111222333")
    shown = system.until(session["id"], lambda one: one["pairing_code"] is not None)
    code = shown["pairing_code"]["code"]
    assert len(code) == 9
    assert code[4] == "-"
    assert shown["pairing_code"]["phone_number"] == "+628111222333"
    system.standin.pair("+628111222333", code.replace("-", ""))
    assert system.until(session["id"], "connected")["phone_number"] == "+628111222333"


def test_the_phone_removes_the_device_and_it_is_never_restored(system: System) -> None:
    number = "+628222333444"
    session = system.link(number)
    system.standin.revoke(number)
    ended = system.until(session["id"], "logged_out")
    assert ended["reason_code"] == "wa_logout"
    eventually(lambda: session["id"] not in system.browsers().values(), "its browser is gone")
    eventually(lambda: not (system.data_dir / "profiles" / session["id"]).exists(), "its profile is gone")
    loads = system.standin.stats()["index_loads"]
    system.kill("pool")
    system.start("pool")
    system.wait_for_node()
    assert system.session(session["id"])["status"] == "logged_out"
    still_linked = len(system.browsers())
    assert system.standin.stats()["index_loads"] == loads, f"{still_linked} browsers, none may reload"


def test_a_deleted_session_leaves_neither_device_nor_profile(system: System) -> None:
    number = "+628333444555"
    session = system.link(number)
    assert system.call("DELETE", f"/api/sessions/{session['id']}").status_code in (200, 202, 204)
    eventually(
        lambda: not any(device["linked"] for device in system.standin.state(number)["devices"]),
        "the device is removed from the account",
    )
    eventually(lambda: session["id"] not in system.browsers().values(), "its browser is gone")
    eventually(lambda: not (system.data_dir / "profiles" / session["id"]).exists(), "its profile is gone")


def test_a_logged_out_session_starts_again_with_a_fresh_qr(system: System) -> None:
    number = "+628444555666"
    session = system.link(number)
    assert system.call("POST", f"/api/sessions/{session['id']}/logout", json={}).status_code in (200, 202)
    system.until(session["id"], "logged_out")
    assert not any(device["linked"] for device in system.standin.state(number)["devices"])
    assert system.call("POST", f"/api/sessions/{session['id']}/restart", json={}).status_code in (200, 202)
    system.scan(session["id"], number)
    assert system.until(session["id"], "connected")["phone_number"] == number
