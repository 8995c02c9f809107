"""What a backend does with linked accounts, with every part real: link one twice, read its chats, end it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system")) as running:
        yield running


def devices(system: System, number: str) -> list[bool]:
    return [device["linked"] for device in system.standin.state(number)["devices"]]


def test_an_account_that_is_linked_again_loses_its_older_device(system: System) -> None:
    number = "+6281400000001"
    older = system.link(number)["id"]
    newer = system.link(number)["id"]
    replaced = system.session(older)
    assert (replaced["status"], replaced["replaced_by"], replaced["phone_number"]) == (
        "replaced",
        newer,
        None,
    )
    eventually(lambda: devices(system, number) == [False, True], "the older device left the account")
    eventually(lambda: older not in system.browsers().values(), "its browser is gone")
    eventually(lambda: not (system.data_dir / "profiles" / older).exists(), "its profile is gone")
    eventually(lambda: "session_replaced" in system.receiver.types(older), "the backend was told")
    (told,) = system.receiver.of_type("session_replaced")
    assert (told.data["replaced_by"], told.data["phone_number"]) == (newer, number)
    stays = system.session(newer)
    assert (stays["status"], stays["phone_number"], stays["is_primary"]) == ("connected", number, True)
    assert system.session(older)["status"] == "replaced", "what its node said since brings it back to nothing"
    assert "session_logged_out" not in system.receiver.types(older)


def test_another_number_than_the_expected_one_leaves_the_account_again(system: System) -> None:
    expected, another = "+6281400000003", "+6281400000004"
    session_id = system.create(expected_phone=expected)["id"]
    system.scan(session_id, another)
    ended = system.until(session_id, "failed")
    assert (ended["reason_code"], ended["phone_number"]) == ("wrong_number", None)
    eventually(lambda: devices(system, another) == [False], "the device left the account")
    eventually(lambda: "session_failed" in system.receiver.types(session_id), "the backend was told")
    assert "session_ready" not in system.receiver.types(session_id)

    def starts_anew() -> bool:
        return bool(system.call("POST", f"/api/sessions/{session_id}/restart", json={}).ok)

    eventually(starts_anew, "the account is out of the profile")
    system.scan(session_id, expected)
    linked = system.until(session_id, "connected")
    assert linked["phone_number"] == expected


def test_chats_are_read_from_a_sleeping_account_and_its_end_may_be_asked_for_twice(system: System) -> None:
    number = "+6281400000002"
    session_id = system.link(number)["id"]

    def act(action: str) -> Any:
        return system.call("POST", f"/api/sessions/{session_id}/{action}", json={})

    assert act("hibernate").status_code == 200
    asked = act("sync-chats")
    assert (asked.status_code, asked.json()["synced_at"]) == (202, None)
    system.until(session_id, "connected")
    count = eventually(lambda: act("sync-chats").json().get("chats_count"), "the chats are read")
    assert count == system.standin.options()["chats"]
    page = system.call("GET", f"/api/sessions/{session_id}/chats?limit=5").json()
    assert len(page["chats"]) == 5
    assert page["next_cursor"] is not None
    assert all(chat["name"] and chat["last_message_at"] for chat in page["chats"])
    moments = [chat["last_message_at"] for chat in page["chats"]]
    assert moments == sorted(moments, reverse=True)
    rest = system.call("GET", f"/api/sessions/{session_id}/chats?cursor={page['next_cursor']}").json()
    groups = [chat["is_group"] for chat in page["chats"] + rest["chats"]]
    assert (len(groups), set(groups)) == (count, {True, False})
    eventually(lambda: "chats_synced" in system.receiver.types(session_id), "the backend was told")

    assert act("logout").status_code in (200, 202)
    system.until(session_id, "logged_out")
    assert act("logout").status_code == 200
    assert devices(system, number) == [False]
