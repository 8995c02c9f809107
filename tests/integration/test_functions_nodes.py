"""What nodes say, and what forged, replayed and malformed reports come to."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.events import EventType, encode_events
from storage.ids import new_id
from storage.node_signing import NONCE_HEADER, TIMESTAMP_HEADER, sign
from tests.fakes import fixtures
from tests.fakes.functions import POOL_SECRET, Backend, LocalFunctions
from tests.fakes.pool import FakePool

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool


def event_of(session_id: str, /, **changes: Any) -> dict[str, Any]:
    return {
        "id": new_id(datetime.now(UTC)),
        "session_id": session_id,
        "generation": 1,
        "seq": 10**6,
        "event": "session_failed",
        "occurred_at": "2026-01-01T00:00:00Z",
        "data": {"reason_code": "browser_crash"},
    } | changes


def body_of(*events: Any, node_id: str = "node-1") -> bytes:
    return json.dumps({"node_id": node_id, "events": list(events)}).encode()


# ── the webhook ──────────────────────────────────────────────────────────────


def test_a_lost_acknowledgement_loses_and_doubles_nothing(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = backend.create()["id"]
    pool.scan(session_id)
    pool.relay(functions.send, keep=True)
    connected = backend.session(session_id)
    again = pool.relay(functions.send).get_json()["outcomes"]
    assert {outcome["outcome"] for outcome in again} == {"duplicate"}
    assert backend.session(session_id) == connected


def test_an_unsigned_report_is_refused(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    session = backend.create()
    response = functions.send("/api/webhook", body_of(event_of(session["id"])), {})
    assert (response.status_code, response.get_json()["code"]) == (401, "untrusted")
    assert backend.session(session["id"]) == session


@pytest.mark.parametrize(
    ("secret", "path", "age"),
    [
        ("another-secret-0123456789abcdef0123", "/api/webhook", timedelta(0)),
        (POOL_SECRET, "/api/nodes/node-1/heartbeat", timedelta(0)),
        (POOL_SECRET, "/api/webhook", timedelta(minutes=6)),
        (POOL_SECRET, "/api/webhook", timedelta(minutes=-6)),
    ],
    ids=["other secret", "signed for another path", "too old", "from the future"],
)
def test_a_forged_report_is_refused(
    backend: Backend, pool: FakePool, functions: LocalFunctions, secret: str, path: str, age: timedelta
) -> None:
    session = backend.create()
    body = body_of(event_of(session["id"]))
    headers = sign(secret, "node-1", "POST", path, body, datetime.now(UTC) - age)
    response = functions.send("/api/webhook", body, headers)
    assert (response.status_code, response.get_json()["code"]) == (401, "untrusted")
    assert backend.session(session["id"]) == session


def test_a_changed_body_is_refused(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    session = backend.create()
    body = body_of(event_of(session["id"]))
    headers = sign(POOL_SECRET, "node-1", "POST", "/api/webhook", body, datetime.now(UTC))
    response = functions.send("/api/webhook", body.replace(b"browser_crash", b"load_timeout"), headers)
    assert response.status_code == 401
    assert backend.session(session["id"]) == session


def test_a_replayed_report_is_refused(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    session_id = backend.create()["id"]
    body = body_of(event_of(session_id))
    headers = sign(POOL_SECRET, "node-1", "POST", "/api/webhook", body, datetime.now(UTC))
    assert functions.send("/api/webhook", body, headers).status_code == 200
    replayed = functions.send("/api/webhook", body, headers)
    assert (replayed.status_code, replayed.get_json()["code"]) == (401, "replayed")


@pytest.mark.parametrize("value", ["soon", "-1", "9" * 400, "", "1e3"])
def test_a_timestamp_that_is_none_is_refused(functions: LocalFunctions, pool: FakePool, value: str) -> None:
    headers = sign(POOL_SECRET, "node-1", "POST", "/api/webhook", b"{}", datetime.now(UTC))
    response = functions.send("/api/webhook", b"{}", headers | {TIMESTAMP_HEADER: value})
    assert response.status_code == 401


def test_a_nonce_of_any_length_is_not_stored(functions: LocalFunctions, pool: FakePool) -> None:
    now = datetime.now(UTC)
    headers = sign(POOL_SECRET, "n" * 101, "POST", "/api/webhook", b"{}", now)
    assert functions.send("/api/webhook", b"{}", headers).status_code == 401
    assert len(headers[NONCE_HEADER]) == 32


def test_a_node_speaks_for_itself_only(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    session = backend.create()
    other = FakePool(POOL_SECRET, "node-2")
    claims = other.post(functions.send, "/api/webhook", body_of(event_of(session["id"]), node_id="node-1"))
    assert (claims.status_code, claims.get_json()["code"]) == (403, "other_node")
    own = other.post(functions.send, "/api/webhook", body_of(event_of(session["id"]), node_id="node-2"))
    assert own.get_json()["outcomes"][0]["outcome"] == "stale_generation"
    assert backend.session(session["id"]) == session


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"event": "session_teleported"}, "event"),
        ({"event": "delete_requested"}, "delete_requested"),
        ({"event": 7}, "event"),
        ({"id": ""}, "id"),
        ({"id": "x" * 101}, "id"),
        ({"session_id": None}, "session_id"),
        ({"generation": "1"}, "generation"),
        ({"generation": True}, "generation"),
        ({"seq": -1}, "seq"),
        ({"seq": 2**60}, "seq"),
        ({"seq": 1.5}, "seq"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
        ({"data": []}, "data"),
        ({"data": {"reason_code": 7}}, "data.reason_code"),
        ({"event": "session_ready", "data": {"phone_number": "12"}}, "data.phone_number"),
    ],
)
def test_a_malformed_event_refuses_the_batch_by_name_and_stores_nothing(
    backend: Backend, pool: FakePool, functions: LocalFunctions, changes: dict[str, Any], names: str
) -> None:
    session = backend.create()
    body = body_of(event_of(session["id"]), event_of(session["id"], **changes))
    response = pool.post(functions.send, "/api/webhook", body)
    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (400, "bad_message")
    assert problem["errors"][0]["field"] == "events.1"
    assert names in problem["errors"][0]["message"]
    assert backend.session(session["id"]) == session


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"node_id": "node-1"}',
        b'{"node_id": "node-1", "events": {}}',
        b'{"node_id": "node-1", "events": []}',
        b'{"node_id": "node-1", "events": [7]}',
        b'{"node_id": "node-1", "events": [' + b"[" * 5000 + b"]" * 5000 + b"]}",
        b'{"node_id": "node-1", "node_id": "node-1", "events": []}',
        b'{"node_id": "node-1\xff", "events": []}',
        b'{"node_id": "node-1", "events": [{"seq": NaN}]}',
        b'{"node_id": "node-1", "events": [{"seq": 1e999}]}',
        b'{"node_id": "node-1", "events": [{"id": "\\ud800"}]}',
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_a_body_that_is_no_report_is_refused(pool: FakePool, functions: LocalFunctions, body: bytes) -> None:
    response = pool.post(functions.send, "/api/webhook", body)
    assert response.status_code in {400, 403}
    assert response.mimetype == "application/problem+json"


def test_a_large_batch_is_taken_whole(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    session_id = backend.create()["id"]
    for percent in range(100):
        pool.emit(session_id, EventType.SESSION_PROGRESSED, phase="loading", percent=percent)
    answer = pool.relay(functions.send)
    assert answer.status_code == 200
    assert len(answer.get_json()["outcomes"]) == 102
    assert backend.session(session_id)["progress_percent"] == 99


# ── the heartbeat ────────────────────────────────────────────────────────────


def test_nodes_get_the_smallest_free_index_and_keep_it(functions: LocalFunctions) -> None:
    for node_id in ("node-a", "node-b", "node-a", "node-c"):
        with FakePool(POOL_SECRET, node_id) as one:
            assert one.heartbeat(functions.send).status_code == 200
    indexes = {node.id: node.instance_index for node in functions.services.nodes.all()}
    assert indexes == {"node-a": 0, "node-b": 1, "node-c": 2}


def test_a_node_id_with_odd_characters_is_signed_as_it_is_sent(functions: LocalFunctions) -> None:
    with FakePool(POOL_SECRET, "pod 7@eu") as one:
        report = one.heartbeat(lambda path, body, headers: None)
        assert report is None
        path = "/api/nodes/pod%207%40eu/heartbeat"
        body = json.dumps({"node_id": "pod 7@eu"}).encode()
        headers = sign(POOL_SECRET, "pod 7@eu", "POST", path, body, datetime.now(UTC))
        assert functions.send(path, body, headers).get_json()["code"] == "bad_message"


def test_a_heartbeat_repeats_the_spec_until_the_session_ends(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = backend.create()["id"]
    (spec,) = pool.heartbeat(functions.send).get_json()["run"]
    assert (spec["id"], spec["linked"]) == (session_id, False)
    pool.scan(session_id)
    pool.relay(functions.send)
    (spec,) = pool.heartbeat(functions.send).get_json()["run"]
    assert (spec["generation"], spec["start_seq"], spec["linked"]) == (1, 1, True)
    pool.emit(session_id, EventType.SESSION_LOGGED_OUT)
    pool.relay(functions.send)
    answer = pool.heartbeat(functions.send).get_json()
    assert (answer["run"], answer["close"], answer["log_out"], answer["erase"]) == ([], [session_id], [], [])


def test_a_node_is_told_to_close_what_belongs_to_another(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = backend.create()["id"]
    with FakePool(POOL_SECRET, "node-2") as other:
        other.held[session_id] = pool.held[session_id]
        assert other.heartbeat(functions.send).get_json()["drop"] == [session_id]


def test_sessions_that_the_registry_does_not_know_are_left_alone(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    stranger = new_id(datetime.now(UTC))
    backend.create()
    pool.held[stranger] = next(iter(pool.held.values()))
    pool.held[stranger] = type(pool.held[stranger])(**{**vars(pool.held[stranger]), "id": stranger})
    pool.profiles |= {stranger, "not-even-an-id"}
    answer = pool.heartbeat(functions.send).get_json()
    assert (answer["close"], answer["log_out"], answer["erase"]) == ([], [], [])


def test_a_draining_node_is_given_nothing_new(
    backend: Backend, idle_pool: FakePool, functions: LocalFunctions
) -> None:
    backend.create()
    idle_pool.draining = True
    assert idle_pool.heartbeat(functions.send).get_json()["run"] == []
    idle_pool.draining = False
    assert len(idle_pool.heartbeat(functions.send).get_json()["run"]) == 1


def test_what_a_draining_node_will_not_begin_goes_to_another(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    pool.draining = True  # since its last heartbeat
    session = backend.create()
    assert (session["status"], session["node_id"]) == ("created", "node-1")
    pool.heartbeat(functions.send)
    with FakePool(POOL_SECRET, "node-2") as other:
        (spec,) = other.heartbeat(functions.send).get_json()["run"]
    assert (spec["id"], spec["generation"]) == (session["id"], 3)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"capacity": "many"}, "capacity"),
        ({"live": 1.5}, "live"),
        ({"draining": 1}, "draining"),
        ({"sessions": {}}, "sessions"),
        ({"sessions": [{"id": 1}]}, "id"),
        ({"profiles": [1]}, "profiles"),
        ({"url": None}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"capacity": 2**60}, "capacity"),
        ({"live": -1}, "live"),
        ({"sandbox": "yes"}, "sandbox"),
    ],
)
def test_a_malformed_heartbeat_is_refused_by_the_name_of_its_field(
    pool: FakePool, functions: LocalFunctions, changes: dict[str, Any], names: str
) -> None:
    sent: list[bytes] = []
    pool.heartbeat(lambda path, body, headers: sent.append(body))
    body = json.dumps(json.loads(sent[0]) | changes).encode()
    response = pool.post(functions.send, "/api/nodes/node-1/heartbeat", body)
    assert (response.status_code, response.get_json()["code"]) == (400, "bad_message")
    assert names in response.get_json()["detail"]


def test_the_address_must_name_the_node_that_signed(pool: FakePool, functions: LocalFunctions) -> None:
    sent: list[bytes] = []
    pool.heartbeat(lambda path, body, headers: sent.append(body))
    response = pool.post(functions.send, "/api/nodes/node-9/heartbeat", sent[0])
    assert (response.status_code, response.get_json()["code"]) == (403, "other_node")


def test_the_answer_of_the_relay_names_every_event(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = backend.create()["id"]
    pool.outbox.clear()
    event = pool.show_qr(session_id)
    answer = pool.post(functions.send, "/api/webhook", encode_events("node-1", [event]))
    assert answer.get_json() == {"outcomes": [{"id": event.id, "outcome": "applied"}]}
