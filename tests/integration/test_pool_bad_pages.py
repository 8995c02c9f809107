"""A site that is away, refuses us, or shows nothing: a failed session with a reason, nothing hung."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
HURRY = {"LOAD_TIMEOUT_SECONDS": "2", "FIRST_QR_TIMEOUT_SECONDS": "2"}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Gives up soon. Nothing ever links here, so no good version of the page stands by."""
    with System(tmp_path_factory.mktemp("hurried"), **HURRY) as system:
        yield system


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system")) as system:
        yield system


@contextmanager
def site_with(system: System, **options: Any) -> Iterator[None]:
    """The stand-in with these options, and as it was before afterwards."""
    before = system.standin.options()
    system.standin.options(**options)
    yield
    system.standin.options(**{name: before[name] for name in options})


def ends_failed(system: System) -> dict[str, Any]:
    """A new session; how it ends, and that nothing is left of it but its diagnosis."""
    session = system.create()
    ended = system.until(session["id"], "failed", within=40)
    eventually(lambda: not system.browsers(), "its browser is gone")
    profile = system.data_dir / "profiles" / session["id"]
    eventually(lambda: not profile.exists(), "its profile is gone")
    assert len(list((system.data_dir / "diagnoses").glob(f"*{session['id']}*"))) == 1
    eventually(lambda: "session_failed" in system.receiver.types(session["id"]), "the backend was told")
    return ended


def test_a_site_that_is_away_fails_with_a_reason_and_comes_back_on_restart(tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    with System(tmp_path, **HURRY, WHATSAPP_WEB_URL=away) as system:
        ended = ends_failed(system)
        assert ended["reason_code"] == "page_unreachable"
        assert ended["qr"] is None
        system.stop("pool")
        system.start("pool", WHATSAPP_WEB_URL=system.standin.url)
        system.wait_for_node()
        assert system.call("POST", f"/api/sessions/{ended['id']}/restart", json={}).ok
        system.until(ended["id"], lambda one: one["qr"] is not None)


def test_a_site_that_answers_500_fails_with_a_reason(hurried: System) -> None:
    with site_with(hurried, http_500=True):
        assert ends_failed(hurried)["reason_code"] == "page_unreachable"


def test_a_site_that_never_shows_a_qr_fails_with_a_reason(hurried: System) -> None:
    with site_with(hurried, never_qr=True):
        assert ends_failed(hurried)["reason_code"] == "qr_timeout"


def test_a_site_that_never_finishes_loading_fails_with_a_reason(hurried: System) -> None:
    with site_with(hurried, hang=True):
        assert ends_failed(hurried)["reason_code"] == "load_timeout"


def test_a_site_that_refuses_every_browser_fails_with_a_reason(tmp_path: Path) -> None:
    with System(tmp_path, {"refuse_all": True}) as system:
        assert ends_failed(system)["reason_code"] == "browser_refused"


def test_our_browser_looks_ordinary_in_every_thread(system: System) -> None:
    with site_with(system, refuse_headless=True):
        session = system.create()
        system.until(session["id"], lambda one: one["qr"] is not None)
        assert system.standin.stats()["ua_leaks"] == {}


def test_nobody_scans_and_the_session_expires_and_can_be_asked_again(tmp_path: Path) -> None:
    with System(tmp_path, QR_TIMEOUT_SECONDS="2") as system:
        session = system.create()
        assert system.until(session["id"], "expired")["reason_code"] == "qr_timeout"
        eventually(lambda: not system.browsers(), "its browser is freed")
        assert system.call("POST", f"/api/sessions/{session['id']}/qr", json={}).ok
        system.scan(session["id"], "+6281234567890")
        system.until(session["id"], "connected")


def test_a_browser_killed_while_its_qr_is_shown_shows_another(system: System) -> None:
    session = system.create()
    first = system.until(session["id"], lambda one: one["qr"] is not None)["qr"]["text"]
    os.killpg(system.browser_pid(session["id"]), signal.SIGKILL)
    system.until(session["id"], lambda one: one["qr"] is not None and one["qr"]["text"] != first)
    system.scan(session["id"], "+6281234567801")
    system.until(session["id"], "connected")


def test_refs_rotate_go_stale_and_are_refreshed_while_somebody_may_still_scan(tmp_path: Path) -> None:
    quick = {"first_ref_ms": 1500, "next_ref_ms": 1000, "refs": 2}
    with System(tmp_path, quick) as system:
        session = system.create()
        seen: set[str] = set()

        def five_refs() -> bool:
            shown = system.session(session["id"])["qr"]
            if shown is not None:
                seen.add(shown["text"])
            return len(seen) >= 5

        eventually(five_refs, "five different QRs were shown")
        system.scan(session["id"], "+6281234567890")
        system.until(session["id"], "connected")


def test_a_passkey_is_noticed_and_stops_the_loop_of_qrs(system: System) -> None:
    with site_with(system, passkey=True):
        session = system.create()
        system.scan(session["id"], "+6281234567802")
        asked = system.until(session["id"], "passkey_required")
        assert asked["reason_code"] == "passkey"
        assert asked["qr"] is None
        system.standin.passkey_done("+6281234567802")
        assert system.until(session["id"], "connected")["phone_number"] == "+6281234567802"


def test_a_late_number_is_a_state_and_not_a_failure(system: System) -> None:
    with site_with(system, late_number=6000, sync_ms=100):
        session = system.create()
        system.scan(session["id"], "+6281234567803")
        assert system.until(session["id"], "connected")["phone_number"] is None
        resolved = system.until(session["id"], lambda one: one["phone_number"] is not None)
        assert resolved["phone_number"] == "+6281234567803"
        types = system.receiver.types
        eventually(lambda: "phone_resolved" in types(session["id"]), "the backend was told")


@pytest.mark.parametrize("after_link", ["stay", "reconnect", "reload"])
@pytest.mark.parametrize("debug", ["late", "absent"])
def test_a_link_is_followed_however_the_page_goes_on(system: System, after_link: str, debug: str) -> None:
    with site_with(system, after_link=after_link, debug=debug):
        number = f"+62812345679{len(after_link)}{len(debug)}"
        session = system.link(number)
        assert session["phone_number"] == number
        os.killpg(system.browser_pid(session["id"]), signal.SIGKILL)
        eventually(lambda: "session_reconnected" in system.receiver.types(session["id"]), "it is back")
        assert system.receiver.types(session["id"]).count("session_ready") == 1
