"""Endpoints as a backend manages them, and what it may read of their deliveries."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.fakes import fixtures, webhook_fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.receiver import Receiver
from tests.fakes.webhook_fixtures import StartDeliverer, log_of, make_due
from tests.waiting import eventually

idle_pool = fixtures.idle_pool
receiver = fixtures.receiver
functions = webhook_fixtures.functions
pool = webhook_fixtures.pool
deliver = webhook_fixtures.deliver

SECRET = "Bearer very-secret-of-the-receiver"
MASK = "********"


@pytest.fixture
def backend(functions: LocalFunctions) -> Backend:
    """Without an endpoint."""
    return functions.workspace()


def add(backend: Backend, url: str, **fields: Any) -> dict[str, Any]:
    response = backend.post("/api/webhooks", json={"url": url, **fields})
    assert response.status_code == 201, response.get_data(as_text=True)
    body: dict[str, Any] = response.get_json()
    assert response.headers["Location"].endswith(f"/api/webhooks/{body['id']}")
    return body


def change(backend: Backend, endpoint: dict[str, Any], **fields: Any) -> TestResponse:
    return backend.call("PATCH", f"/api/webhooks/{endpoint['id']}", json=fields)


def delivery(backend: Backend, delivery_id: object) -> dict[str, Any]:
    body: dict[str, Any] = backend.get(f"/api/deliveries/{delivery_id}").get_json()
    return body


def test_an_endpoint_is_shown_as_it_was_made_and_its_headers_masked(
    backend: Backend, functions: LocalFunctions, receiver: Receiver
) -> None:
    made = add(
        backend, receiver.url(), events=["session_ready"], headers={"Authorization": SECRET, "X-Shop": "7"}
    )
    assert made["headers"] == {"Authorization": MASK, "X-Shop": MASK}
    assert (made["events"], made["session_id"], made["enabled"]) == (["session_ready"], None, True)
    assert made["circuit"] == {"state": "closed", "failures": 0, "open_until": None}
    shown = backend.get(f"/api/webhooks/{made['id']}")
    listed = backend.get("/api/webhooks")
    assert shown.get_json() == made
    assert listed.get_json() == {"webhooks": [made], "next_cursor": None}
    assert SECRET not in shown.get_data(as_text=True) + listed.get_data(as_text=True)
    assert SECRET not in repr(functions.services.endpoints.get(backend.workspace_id, made["id"]))


def test_endpoints_hear_of_what_they_asked_for_and_get_their_headers(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    first, second = backend.create()["id"], backend.create()["id"]
    add(backend, receiver.url("/ready"), events=["session_ready"], headers={"Authorization": SECRET})
    add(backend, receiver.url("/second"), session_id=second)
    add(backend, receiver.url("/second-too"), session_id=second, events=["session_authenticated"])
    deliver()
    for session_id in (first, second):
        pool.scan(session_id)
    pool.relay(functions.send)
    received = receiver.wait_for(5)
    heard = sorted((one.path, one.body["type"], one.body["data"]["session_id"] == second) for one in received)
    assert heard == [
        ("/ready", "session_ready", False),
        ("/ready", "session_ready", True),
        ("/second", "session_authenticated", True),
        ("/second", "session_ready", True),
        ("/second-too", "session_authenticated", True),
    ]
    for one in received:
        assert one.headers.get("authorization") == (SECRET if one.path == "/ready" else None)
        one.verify(backend.webhook_secret)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://example.com/hooks"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://0x7f.1/"}, "url"),
        ({"url": "https://169.254.169.254./"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "https://user:pw@example.com/"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({}, "url"),
        ({"events": ["session_raedy"]}, "events"),
        ({"events": ["session_starting"]}, "events"),
        ({"events": ["session_ready", "session_ready"]}, "events"),
        ({"events": "session_ready"}, "events"),
        ({"headers": {"Webhook-Id": "mine"}}, "headers"),
        ({"headers": {"webhook-signature": "v1,forged"}}, "headers"),
        ({"headers": {"Content-Type": "text/plain"}}, "headers"),
        ({"headers": {"HOST": "internal"}}, "headers"),
        ({"headers": {"content-length": "0"}}, "headers"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "headers"),
        ({"headers": {"Proxy-Authorization": "x"}}, "headers"),
        ({"headers": {"X-A\r\nX-B": "x"}}, "headers"),
        ({"headers": {"X-A": "x\r\nX-B: y"}}, "headers"),
        ({"headers": {"X-A": " x"}}, "headers"),
        ({"headers": {"X-A": ""}}, "headers"),
        ({"headers": {"X-A": "ä"}}, "headers"),
        ({"headers": {"X-A": 7}}, "headers"),
        ({"headers": {"": "x"}}, "headers"),
        ({"headers": {"X-A": "x", "x-a": "y"}}, "headers"),
        ({"headers": {"X-A": MASK}}, "headers"),
        ({"headers": {f"X-{number}": "x" for number in range(21)}}, "headers"),
        ({"session_id": "01JD3Z0V5M8Q4T2X9Y7W6R1K0B"}, "session_id"),
        ({"enabled": True}, "enabled"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    backend: Backend, fields: dict[str, Any], field: str
) -> None:
    body = fields if not fields or "url" in fields else {"url": "https://example.com/hooks", **fields}
    response = backend.post("/api/webhooks", json=body)
    assert (response.status_code, response.get_json()["code"]) == (422, "invalid_request")
    assert [error["field"].split(".")[0] for error in response.get_json()["errors"]] == [field]
    assert backend.get("/api/webhooks").get_json()["webhooks"] == []


def test_a_refusal_does_not_repeat_a_secret(backend: Backend) -> None:
    response = backend.post(
        "/api/webhooks", json={"url": "https://example.com/", "headers": {"X-A": "s3cret\n"}}
    )
    assert response.status_code == 422
    assert "s3cret" not in response.get_data(as_text=True)


def test_one_address_is_one_endpoint_until_it_is_deleted(backend: Backend, receiver: Receiver) -> None:
    first, other = add(backend, receiver.url()), add(backend, receiver.url("/other"))
    twice = backend.post("/api/webhooks", json={"url": receiver.url()})
    assert (twice.status_code, twice.get_json()["code"]) == (409, "endpoint_exists")
    assert change(backend, other, url=receiver.url()).status_code == 409
    assert backend.delete(f"/api/webhooks/{first['id']}").status_code == 204
    assert backend.get(f"/api/webhooks/{first['id']}").status_code == 404
    assert add(backend, receiver.url())["id"] != first["id"]


def test_the_list_is_paged_and_filtered(backend: Backend, pool: FakePool, receiver: Receiver) -> None:
    session_id = backend.create(webhook_url=receiver.url("/own"))["id"]
    made = [add(backend, receiver.url(f"/{number}"))["id"] for number in range(3)]
    first = backend.get("/api/webhooks?limit=2").get_json()
    rest = backend.get(f"/api/webhooks?limit=2&cursor={first['next_cursor']}").get_json()
    ids = [one["id"] for one in first["webhooks"] + rest["webhooks"]]
    assert set(made) < set(ids)
    assert len(ids) == 4
    assert rest["next_cursor"] is None
    (own,) = backend.get(f"/api/webhooks?session_id={session_id}").get_json()["webhooks"]
    assert own["url"] == receiver.url("/own")


def test_changing_replaces_what_is_given_and_keeps_masked_values(
    backend: Backend, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    made = add(backend, receiver.url(), events=["session_ready"], headers={"Authorization": SECRET})
    changed = change(backend, made, headers={"authorization": MASK, "X-New": "1"}, events=[]).get_json()
    assert changed["headers"] == {"authorization": MASK, "X-New": MASK}
    assert (changed["events"], changed["url"]) == ([], made["url"])
    assert change(backend, made, headers={"X-Never": MASK}).status_code == 422
    assert change(backend, made, url="http://example.com/").status_code == 422
    assert change(backend, made, session_id=None).status_code == 422
    assert change(backend, made).get_json() == changed
    backend.create()
    deliver()
    (one,) = receiver.wait_for(1)
    assert (one.headers["authorization"], one.headers["x-new"]) == (SECRET, "1")


def test_what_was_owed_goes_to_the_new_address(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    made = add(backend, receiver.url("/wrong"))
    receiver.answer = lambda one: (200 if one.path == "/right" else 404, {})
    backend.create()
    deliver()
    eventually(lambda: log_of(backend)[0]["attempts"] == 1)
    change(backend, made, url=receiver.url("/right"))
    make_due(functions)
    eventually(lambda: log_of(backend)[0]["status"] == "delivered")


def test_an_endpoint_that_is_switched_off_is_owed_nothing_until_it_is_enabled_and_replayed(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    made = add(backend, receiver.url())
    session_id = backend.create()["id"]
    off = change(backend, made, enabled=False).get_json()
    assert (off["enabled"], off["disabled_reason"]) == (False, "switched off by the workspace")
    pool.scan(session_id)
    pool.relay(functions.send)
    assert [(one["type"], one["status"]) for one in log_of(backend)] == [("qr_code_generated", "dead")]
    refused = backend.post("/api/deliveries/retry", json={"endpoint_id": made["id"]})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "endpoint_disabled")
    enabled = backend.post(f"/api/webhooks/{made['id']}/enable")
    assert (enabled.status_code, enabled.get_json()["enabled"]) == (200, True)
    replayed = backend.post("/api/deliveries/retry", json={"endpoint_id": made["id"]})
    assert (replayed.status_code, replayed.get_json()) == (202, {"retried": 1})
    deliver()
    assert receiver.wait_for(1)[0].body["type"] == "qr_code_generated"


def test_gone_keeps_dead_letters_that_can_be_replayed_after_enabling(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    made = add(backend, receiver.url())
    receiver.answer = lambda _: (410, {})
    session_id = backend.create()["id"]
    pool.scan(session_id)
    pool.relay(functions.send)
    deliver()
    eventually(lambda: {one["status"] for one in log_of(backend)} == {"dead"})
    assert len(receiver.received) == 1
    (tried,) = delivery(backend, log_of(backend)[0]["id"])["attempt_log"]
    assert (tried["status_code"], tried["error"]) == (410, "answered 410")
    receiver.answer = lambda _: (200, {})
    backend.post(f"/api/webhooks/{made['id']}/enable")
    assert backend.post("/api/deliveries/retry", json={"endpoint_id": made["id"]}).get_json() == {
        "retried": 3
    }
    received = receiver.wait_for(4)[1:]
    assert [one.body["type"] for one in received] == [
        "qr_code_generated",
        "session_authenticated",
        "session_ready",
    ]


def test_a_deleted_endpoint_leaves_its_log_and_nothing_else(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver
) -> None:
    made = add(backend, receiver.url(), headers={"Authorization": SECRET})
    backend.create()
    backend.delete(f"/api/webhooks/{made['id']}")
    (dead,) = log_of(backend)
    assert (dead["status"], dead["url"]) == ("dead", receiver.url())
    retry = backend.post(f"/api/deliveries/{dead['id']}/retry")
    assert (retry.status_code, retry.get_json()["code"]) == (409, "endpoint_deleted")
    assert backend.post("/api/deliveries/retry", json={"endpoint_id": made["id"]}).status_code == 404
    assert SECRET not in repr(rows(functions.services.database, "SELECT * FROM endpoints"))


def test_dead_letters_can_be_replayed_since_a_time(
    backend: Backend, pool: FakePool, receiver: Receiver
) -> None:
    made = add(backend, receiver.url())
    for _ in range(3):
        backend.create()
    change(backend, made, enabled=False)
    backend.post(f"/api/webhooks/{made['id']}/enable")
    since = log_of(backend)[1]["created_at"]

    def replay(**body: Any) -> Any:
        return backend.post("/api/deliveries/retry", json=body).get_json()

    assert replay(since="2100-01-01T00:00:00Z") == {"retried": 0}
    assert replay(since=since)["retried"] >= 2  # those of the same millisecond are in
    assert replay(since="2000-01-01T00:00:00+07:00")["retried"] <= 1
    assert {one["status"] for one in log_of(backend)} == {"pending"}


@pytest.mark.parametrize("body", [{}, {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}, {"since": 7}])
def test_a_replay_says_of_what(backend: Backend, body: dict[str, Any]) -> None:
    response = backend.post("/api/deliveries/retry", json=body)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] in {"endpoint_id", "since"}


def test_a_delivery_shows_its_attempts_and_what_was_answered(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    add(backend, receiver.url())
    receiver.answer = lambda _: (500, {})
    receiver.says = b"<h1>Oops</h1>\r\n\x1b[31m\x00\xff" + "\u202e".encode() + b"x" * 500
    backend.create()
    deliver()
    eventually(lambda: log_of(backend)[0]["attempts"] == 1)
    receiver.answer, receiver.says = (lambda _: (200, {})), b""
    make_due(functions)
    eventually(lambda: log_of(backend)[0]["status"] == "delivered")
    shown = delivery(backend, log_of(backend)[0]["id"])
    first, second = shown["attempt_log"]
    assert (first["number"], first["status_code"], first["error"]) == (1, 500, "answered 500")
    assert first["answer"].startswith("<h1>Oops</h1> [31m")
    assert first["answer"].isprintable()
    assert len(first["answer"]) <= 200
    assert (second["number"], second["status_code"], second["error"], second["answer"]) == (
        2,
        200,
        None,
        None,
    )
    assert second["took_ms"] >= 0
    assert second["started_at"] > first["started_at"]
    assert shown["attempts"] == 2


def test_a_deleted_session_takes_with_it_what_receivers_said_of_it(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    add(backend, receiver.url())
    receiver.says = b"thanks, +6281234567890"
    session_id = backend.create()["id"]
    deliver()
    eventually(lambda: log_of(backend)[0]["status"] == "delivered")
    assert delivery(backend, log_of(backend)[0]["id"])["attempt_log"][0]["answer"] is not None
    backend.delete(f"/api/sessions/{session_id}")
    assert delivery(backend, log_of(backend)[0]["id"])["attempt_log"][0]["answer"] is None


def test_the_log_is_filtered_by_endpoint_and_type(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver
) -> None:
    one, two = add(backend, receiver.url("/1")), add(backend, receiver.url("/2"))
    session_id = backend.create()["id"]
    pool.scan(session_id)
    pool.relay(functions.send)

    def found(query: str) -> list[tuple[str, str]]:
        listed = backend.get(f"/api/deliveries?{query}").get_json()["deliveries"]
        return [(entry["endpoint_id"], entry["type"]) for entry in listed]

    assert {endpoint_id for endpoint_id, _ in found(f"endpoint_id={one['id']}")} == {one["id"]}
    assert found(f"endpoint_id={two['id']}&type=session_ready") == [(two["id"], "session_ready")]
    assert len(found("type=session_ready")) == 2
    assert backend.get("/api/deliveries?type=session_raedy").status_code == 422


def test_another_workspaces_endpoints_and_deliveries_are_absent(
    functions: LocalFunctions, pool: FakePool, receiver: Receiver
) -> None:
    owner, other = functions.workspace("A"), functions.workspace("B")
    made = add(owner, receiver.url())
    session_id = owner.create()["id"]
    (owed,) = log_of(owner)
    path = f"/api/webhooks/{made['id']}"
    for method, address in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/enable"),
        ("GET", f"/api/deliveries/{owed['id']}"),
        ("POST", f"/api/deliveries/{owed['id']}/retry"),
    ):
        assert other.call(method, address).status_code == 404, address
    assert other.post("/api/deliveries/retry", json={"endpoint_id": made["id"]}).status_code == 404
    assert other.post("/api/deliveries/retry", json={"since": "2000-01-01T00:00:00Z"}).get_json() == {
        "retried": 0
    }
    borrowed = other.post("/api/webhooks", json={"url": receiver.url(), "session_id": session_id})
    assert [error["field"] for error in borrowed.get_json()["errors"]] == ["session_id"]
    assert other.get("/api/webhooks").get_json()["webhooks"] == []
    assert owner.get(path).get_json() == made
