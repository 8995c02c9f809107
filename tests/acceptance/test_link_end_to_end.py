"""The promise, with every part real: from a call to a linked account, as each person meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.suite import Acceptance
from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
PHONE = "+6281234567890"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system")) as running:
        yield running


class TestUnderGunicorn(Acceptance):
    """As `make up` runs them."""


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
