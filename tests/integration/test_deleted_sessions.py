"""What is left of a session after DELETE: a tombstone that says when it ended, and nothing of the account."""

import json

import pytest

from tests.fakes import fixtures
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool

SHOWN_STILL = {"GET /api/sessions/<session_id>", "GET /api/sessions/<session_id>/timeline"}
NO_CHANGE = {"DELETE /api/sessions/<session_id>", "DELETE /api/sessions/<session_id>/link"}
"""Asking again for what is so already."""
SECRETS = ("6281234567890", "Ayu", "Ibu", "/link/")


@pytest.fixture
def deleted(functions: LocalFunctions, backend: Backend, pool: FakePool) -> str:
    """One that was linked and had everything."""
    pool.chats = [
        {"id": "1@c.us", "name": "Ibu", "unread_count": 1, "last_message_at": None, "is_group": False}
    ]
    session_id: str = backend.create(
        reference="customer-7", metadata={"plan": "gold"}, webhook_url="https://example.com/hooks"
    )["id"]
    pool.scan(session_id)
    pool.relay(functions.send)
    assert backend.post(f"/api/sessions/{session_id}/sync-chats").status_code == 200
    assert backend.delete(f"/api/sessions/{session_id}").status_code == 200
    return session_id


def test_a_deleted_session_answers_as_a_tombstone_and_to_nothing_else(
    functions: LocalFunctions, backend: Backend, deleted: str
) -> None:
    answered: dict[str, int] = {}
    for rule in functions.app.url_map.iter_rules():
        if "<session_id>" in rule.rule and rule.rule.startswith("/api/"):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                body = {"phone": "+6281234567890"} if rule.endpoint == "sessions.pairing_code" else None
                answer = backend.call(method, rule.rule.replace("<session_id>", deleted), json=body)
                answered[f"{method} {rule.rule}"] = answer.status_code
    done = {call for call, status in answered.items() if status < 300}
    assert done == SHOWN_STILL | NO_CHANGE
    assert {status for call, status in answered.items() if call not in done} <= {404, 409, 410}


def test_the_tombstone_says_when_it_ended_and_nothing_of_the_account(backend: Backend, deleted: str) -> None:
    shown = backend.session(deleted)
    assert (shown["status"], shown["is_primary"]) == ("deleted", False)
    assert shown["deleted_at"]
    for name in ("qr", "pairing_code", "phone_number", "display_name", "snapshot", "link_url"):
        assert shown[name] is None, name
    assert shown["reference"] == "customer-7"  # the backend's own word, by which it finds it
    told = json.dumps([shown, backend.get(f"/api/sessions/{deleted}/timeline").get_json()])
    assert [secret for secret in SECRETS if secret in told] == [], told
