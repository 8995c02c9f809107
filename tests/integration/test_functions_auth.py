"""Who may call what."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from functions.app import make_app, make_services
from functions.auth import GUARDS, Guard
from functions.config import FunctionsConfig
from storage.clock import ManualClock
from tests.fakes import fixtures
from tests.fakes.databases import everything_in
from tests.fakes.functions import Backend, LocalFunctions, environment
from tests.fakes.pool import FakePool

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool


def routes(app: Flask) -> list[tuple[Rule, str]]:
    return [
        (rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]


def address(rule: Rule, value: str = "01JD3Z0V5M8Q4T2X9Y7W6R1K0B") -> str:
    return re.sub(r"<[^>]+>", value, rule.rule)


def test_every_route_stands_in_the_table_and_every_line_is_a_route(functions: LocalFunctions) -> None:
    assert {rule.endpoint for rule in functions.app.url_map.iter_rules()} == set(GUARDS)


def test_every_guarded_route_refuses_a_caller_without_credentials(functions: LocalFunctions) -> None:
    for rule, method in routes(functions.app):
        response = functions.client.open(address(rule), method=method)
        match GUARDS[rule.endpoint]:
            case Guard.WORKSPACE | Guard.NODE:
                assert response.status_code == 401, rule
                assert response.headers["WWW-Authenticate"]
                assert response.mimetype == "application/problem+json"
            case Guard.METRICS | Guard.OPERATOR | Guard.OPERATOR_LOGIN:
                assert response.status_code == 403, rule
            case Guard.LINK:
                assert response.status_code in {403, 404}, rule
            case Guard.PUBLIC:
                assert response.status_code == 200, rule


def test_a_route_without_a_guard_is_closed(tmp_path: Path) -> None:
    services = make_services(FunctionsConfig.from_env(environment(tmp_path)), ManualClock())
    app = make_app(services)
    app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    assert app.test_client().get("/forgotten").status_code == 403
    services.close()


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic bHA6",
        "Bearer lp_short",
        "Bearer lp_AAAAAAAA_" + "a" * 43,
        "Bearer \u00ff" * 50,
    ],
)
def test_a_key_that_is_none_opens_nothing(functions: LocalFunctions, authorization: str) -> None:
    response = functions.client.get("/api/sessions", headers={"Authorization": authorization})
    assert (response.status_code, response.get_json()["code"]) == (401, "unauthorized")


def test_the_prefix_of_a_key_opens_nothing(functions: LocalFunctions, backend: Backend) -> None:
    prefix = backend.api_key[: backend.api_key.rindex("_") + 1]
    guessed = {"Authorization": f"Bearer {prefix}{'a' * 43}"}
    assert functions.client.get("/api/sessions", headers=guessed).status_code == 401


def test_a_revoked_key_opens_nothing(functions: LocalFunctions, backend: Backend) -> None:
    assert backend.get("/api/sessions").status_code == 200
    functions.services.workspaces.keys.revoke(backend.api_key.split("_")[1], even_last=True)
    assert backend.get("/api/sessions").status_code == 401


def test_the_registry_holds_no_key_that_can_be_used(functions: LocalFunctions, backend: Backend) -> None:
    secret = backend.api_key.rpartition("_")[2]
    assert secret not in everything_in(functions.services.database)


def test_the_use_of_a_key_is_written_down_once_a_minute(tmp_path: Path) -> None:
    clock = ManualClock()
    functions = LocalFunctions(tmp_path, clock)
    backend = functions.workspace()
    seen = []
    for _ in range(4):
        backend.get("/api/sessions")
        row = functions.services.database.one("api_key", prefix=backend.api_key.split("_")[1])
        assert row is not None
        seen.append(row["last_used_at"])
        clock.advance(timedelta(seconds=31))
    assert len(set(seen)) == 2
    functions.close()


def test_another_workspaces_session_is_as_absent_as_one_that_never_was(
    functions: LocalFunctions, backend: Backend, pool: FakePool
) -> None:
    theirs = backend.create()
    other = functions.workspace("Other")
    pool.calls.clear()
    checked = 0
    for rule, method in routes(functions.app):
        if "<session_id>" not in rule.rule or GUARDS[rule.endpoint] is not Guard.WORKSPACE:
            continue
        body = {"phone": "+6281234567890"} if rule.rule.endswith("pairing-code") else None
        answers = [
            other.call(method, address(rule, session_id), json=body)
            for session_id in (theirs["id"], "01JD3Z0V5M8Q4T2X9Y7W6R1K0B")
        ]
        assert [answer.status_code for answer in answers] == [404, 404], rule
        theirs_problem, absent_problem = (dict(answer.get_json()) for answer in answers)
        assert theirs_problem.pop("request_id") != absent_problem.pop("request_id")
        assert theirs_problem == absent_problem
        checked += 1
    assert checked == 17
    assert pool.calls == []
    assert backend.session(theirs["id"]) == theirs
    assert other.get("/api/sessions").get_json()["sessions"] == []


def test_another_workspaces_delivery_cannot_be_seen_or_retried(
    functions: LocalFunctions, pool: FakePool
) -> None:
    owner, other = functions.workspace("A", "https://example.com/hooks"), functions.workspace("B")
    session_id = owner.create()["id"]
    (delivery,) = owner.get("/api/deliveries").get_json()["deliveries"]
    assert other.get("/api/deliveries").get_json()["deliveries"] == []
    assert other.get(f"/api/deliveries?session_id={session_id}").get_json()["deliveries"] == []
    response = other.post(f"/api/deliveries/{delivery['id']}/retry")
    assert (response.status_code, response.get_json()["code"]) == (404, "delivery_not_found")


def test_a_key_of_one_workspace_is_no_idempotency_key_of_another(
    functions: LocalFunctions, pool: FakePool
) -> None:
    made = {
        functions.workspace(name)
        .post("/api/sessions", json={}, headers={"Idempotency-Key": "k"})
        .get_json()["id"]
        for name in ("A", "B")
    }
    assert len(made) == 2


def test_health_says_nothing_of_any_workspace(
    functions: LocalFunctions, backend: Backend, pool: FakePool
) -> None:
    session = backend.create(reference="customer-7")
    pool.scan(session["id"])
    pool.relay(functions.send)
    for path in ("/health", "/health/whatsapp", "/livez", "/readyz"):
        text = functions.client.get(path).get_data(as_text=True)
        for secret in (session["id"], backend.workspace_id, "customer-7", "6281234567890", "Toko", pool.url):
            assert secret not in text
