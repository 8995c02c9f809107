"""The audit log: who did what, written with the change, readable and exportable."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.audit import ActorKind, AuditLog, mask_address
from storage.clock import ManualClock, SystemClock
from storage.database import Database
from storage.retention import Retention
from storage.sqlite_database import SqliteDatabase
from tests.fakes import fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.integration.test_cli import run

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool

FROM_HOME = {"environ_base": {"REMOTE_ADDR": "203.0.113.77"}}


def log_of(backend: Backend, query: str = "") -> list[dict[str, Any]]:
    """Oldest first, as it happened."""
    entries: list[dict[str, Any]] = backend.get(f"/api/audit?limit=200{query}").get_json()["entries"]
    return list(reversed(entries))


def actions(backend: Backend) -> list[tuple[str, str, str | None]]:
    return [(one["action"], one["outcome"], one["code"]) for one in log_of(backend)]


def test_a_line_says_who_what_when_whence_and_what_came_of_it(backend: Backend, pool: FakePool) -> None:
    answer = backend.post("/api/sessions", json={}, headers={"X-Request-Id": "trace-1"}, **FROM_HOME)
    (line,) = log_of(backend)
    assert line.pop("id")
    assert line.pop("at")
    assert line == {
        "workspace_id": backend.workspace_id,
        "actor": {"kind": "key", "id": backend.api_key.split("_")[1]},
        "action": "sessions.create",
        "subjects": {"session_id": answer.get_json()["id"]},
        "outcome": "done",
        "code": None,
        "request_id": "trace-1",
        "address": "203.0.113.0/24",
    }


@pytest.mark.parametrize(
    ("trusted", "network"), [("", "10.1.2.0/24"), ("10.0.0.0/8", "198.51.100.0/24")], ids=["none", "trusted"]
)
def test_behind_proxies_the_network_is_that_of_the_client(tmp_path: Path, trusted: str, network: str) -> None:
    functions = LocalFunctions(tmp_path, TRUSTED_PROXIES=trusted)
    backend = functions.workspace()
    headers = {"X-Forwarded-For": "192.0.2.9, 198.51.100.77"}
    backend.post("/api/sessions", json={}, headers=headers, environ_base={"REMOTE_ADDR": "10.1.2.3"})
    (line,) = log_of(backend)
    assert line["address"] == network
    functions.close()


def test_what_was_refused_or_failed_is_told_as_well(backend: Backend, pool: FakePool) -> None:
    session_id = backend.create()["id"]
    backend.post("/api/sessions", json={"start": "yes"})
    backend.post(f"/api/sessions/{session_id}/hibernate")
    backend.delete("/api/sessions/01JD3Z0V5M8Q4T2X9Y7W6R1K0B")
    pool.refusal = (500, {"code": "page_broken", "detail": "no"})
    backend.post(f"/api/sessions/{session_id}/pairing-code", json={"phone": "+6281234567890"})
    assert actions(backend) == [
        ("sessions.create", "done", None),
        ("sessions.create", "refused", "invalid_request"),
        ("sessions.hibernate", "refused", "not_connected"),
        ("sessions.delete", "refused", "session_not_found"),
        ("sessions.pairing_code", "failed", "page_broken"),
    ]


def test_a_call_that_lacks_the_scope_is_told(backend: Backend) -> None:
    key = backend.post("/api/keys", json={"scopes": ["read"]}).get_json()
    reader = Backend(backend.functions, key["api_key"], backend.workspace_id, "")
    reader.post("/api/sessions", json={})
    reader.get("/api/keys")
    assert actions(backend) == [
        ("keys.create", "done", None),
        ("sessions.create", "refused", "scope_missing"),
    ]
    assert log_of(backend)[1]["actor"]["id"] == key["prefix"]


def test_callers_that_nobody_knows_write_nothing(functions: LocalFunctions, backend: Backend) -> None:
    for path in ("/api/sessions", "/api/keys", "/link/" + "x" * 43 + "/start", "/api/webhook", "/nowhere"):
        functions.client.post(path, json={})
    database = functions.services.database
    assert database.all("audit_export", workspace_id=None, since=None, until=None, after="", limit=9) == []


def test_reading_is_not_told_but_of_chats(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = backend.create()["id"]
    pool.scan(session_id)
    pool.relay(functions.send)
    for path in ("", "/chats", "/qr.png"):
        backend.get(f"/api/sessions/{session_id}{path}")
    assert [action for action, *_ in actions(backend)] == [
        "sessions.create",
        "events.session_ready",
        "chats.page",
    ]


def test_what_a_node_did_names_the_node(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    session_id = backend.create()["id"]
    pool.scan(session_id)
    pool.relay(functions.send, keep=True)
    pool.relay(functions.send)
    linked = log_of(backend)[1]
    assert (linked["actor"], linked["subjects"]) == (
        {"kind": "node", "id": "node-1"},
        {"session_id": session_id},
    )
    assert len(log_of(backend)) == 2  # told once, however often it is reported


def test_a_person_on_a_page_is_named_by_the_link(
    functions: LocalFunctions, backend: Backend, pool: FakePool
) -> None:
    session = backend.create(start=False)
    path = "/link/" + session["link_url"].rpartition("/")[2]
    with functions.app.test_client() as person:
        person.get(path)
        person.post(f"{path}/start", headers={"Sec-Fetch-Site": "same-origin"}, **FROM_HOME)
    line = log_of(backend)[1]
    assert (line["action"], line["actor"]) == ("pages.start", {"kind": "link", "id": session["id"]})
    assert (line["subjects"], line["address"]) == ({"session_id": session["id"]}, "203.0.113.0/24")
    assert path.removeprefix("/link/") not in json.dumps(log_of(backend))


def test_the_line_and_the_change_are_kept_together_or_not_at_all(
    functions: LocalFunctions, backend: Backend
) -> None:
    database = functions.services.database
    rows(database, "ALTER TABLE audit RENAME TO audit_away")
    assert backend.post("/api/sessions", json={}).status_code == 500
    rows(database, "ALTER TABLE audit_away RENAME TO audit")
    assert backend.get("/api/sessions").get_json()["sessions"] == []
    backend.create()
    assert actions(backend) == [("sessions.create", "done", None)]


def test_no_transaction_is_added_to_a_call_that_works(functions: LocalFunctions, backend: Backend) -> None:
    backend.get("/api/sessions")
    begun: list[str] = []
    database = functions.services.database
    if not isinstance(database, SqliteDatabase):
        pytest.skip("SQLite tells what it runs")
    database.connection.set_trace_callback(
        lambda text: begun.append(text) if text.startswith("BEGIN") else None
    )
    backend.create(start=False)
    assert len(begun) == 1


def test_no_number_name_or_secret_stands_in_the_log(
    functions: LocalFunctions, backend: Backend, pool: FakePool
) -> None:
    session = backend.create(reference="customer-7", phone="+6281234567890", metadata={"who": "Ayu"})
    pool.scan(session["id"])
    pool.relay(functions.send)
    backend.post("/api/webhooks", json={"url": "https://example.com/h", "headers": {"X-Key": "s3cret"}})
    backend.post("/api/webhooks/secret/rotate", json={})
    key = backend.post("/api/keys", json={"scopes": ["read"]}).get_json()["api_key"]
    backend.delete(f"/api/sessions/{session['id']}")
    text = json.dumps(log_of(backend))
    for secret in ("6281234567890", "Ayu", "customer-7", "s3cret", "whsec_", "203.0", key.rpartition("_")[2]):
        assert secret not in text


def test_the_log_is_filtered_and_read_page_by_page(tmp_path: Path) -> None:
    clock = ManualClock()
    functions = LocalFunctions(tmp_path, clock)
    backend = functions.workspace()
    for _ in range(5):
        backend.create(start=False)
        clock.advance(timedelta(minutes=1))
    backend.post("/api/keys", json={"scopes": ["read"]})
    seen: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        page = backend.get(f"/api/audit?limit=2{cursor}").get_json()
        seen += page["entries"]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert [one["action"] for one in seen] == ["keys.create", *["sessions.create"] * 5]
    assert len(log_of(backend, "&action=keys.create")) == 1
    assert len(log_of(backend, "&since=2026-01-01T00:02:00Z&until=2026-01-01T00:04:00Z")) == 2
    assert len(log_of(backend, f"&actor={backend.api_key.split('_')[1]}")) == 6
    for wrong in ("since=noon", "cursor=x", "who=me", "limit=0"):
        assert backend.get(f"/api/audit?{wrong}").status_code == 422
    functions.close()


def test_the_log_is_forgotten_by_its_own_time(tmp_path: Path) -> None:
    clock = ManualClock()
    functions = LocalFunctions(tmp_path, clock)
    backend = functions.workspace()
    backend.create(start=False)
    retention = Retention(functions.services.database, clock, timedelta(days=1), timedelta(days=365))
    clock.advance(timedelta(days=364))
    retention.prune()
    assert len(log_of(backend)) == 1
    clock.advance(timedelta(days=2))
    retention.prune()
    assert log_of(backend) == []
    functions.close()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:7:8::9", "2001:db8:7::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("unix:", None),
        ("", None),
        (None, None),
    ],
)
def test_of_an_address_its_network_is_kept(address: str | None, network: str | None) -> None:
    assert mask_address(address) == network


@pytest.fixture
def operator_workspace(tmp_path: Path) -> str:
    made: str = json.loads(run(tmp_path, "workspaces", "create", "Toko", "--json").stdout)["workspace_id"]
    return made


def test_the_operators_commands_are_told_and_exported(tmp_path: Path, operator_workspace: str) -> None:
    key = run(tmp_path, "keys", "create", operator_workspace, "--scope", "read").stdout.strip()
    run(tmp_path, "keys", "revoke", key.split("_")[1])
    run(tmp_path, "workspaces", "set", operator_workspace, "--duplicates", "refuse")
    exported = run(tmp_path, "audit", "export", "--since", "1d", "--json")
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [line["action"] for line in lines] == [
        "workspace.create",
        "keys.create",
        "keys.revoke",
        "workspace.change",
    ]
    assert {line["actor"]["kind"] for line in lines} == {"operator"}
    assert lines[2]["subjects"] == {"prefix": key.split("_")[1]}
    assert key.rpartition("_")[2] not in exported.stdout
    assert len(run(tmp_path, "audit", "export").stdout.splitlines()) == 4
    assert run(tmp_path, "audit", "export", "--since", "soon").returncode == 2
    assert run(tmp_path, "audit", "export", "--until", "2020-01-01", "--json").stdout == ""


def test_an_export_is_whole_however_long(tmp_path: Path) -> None:
    functions = LocalFunctions(tmp_path)
    audit = functions.services.audit
    database: Database = functions.services.database
    with database.transaction():
        for number in range(1201):
            audit.write(
                audit.entry(
                    ActorKind.OPERATOR, "root", "test", workspace_id=None, subjects={"n": str(number)}
                )
            )
    found = [entry.id for entry in AuditLog(database, SystemClock()).export(None, None, None)]
    assert (len(found), len(set(found))) == (1201, 1201)
    assert found == sorted(found)
    functions.close()
