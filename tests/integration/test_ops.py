"""/ops: who gets in, what it shows, what its buttons do and what they cannot be made to do."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions.ops_chart import Sample, chart, quantile
from functions.ops_login import COOKIE, LASTS, OpsLogin
from storage.clock import ManualClock, SystemClock
from storage.events import EventType as E
from tests.fakes import fixtures
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool

TOKEN = "ops-token-for-tests-0123456789abcdefghijk"
idle_pool = fixtures.idle_pool


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
def functions(tmp_path: Path, clock: ManualClock) -> Iterator[LocalFunctions]:
    local = LocalFunctions(tmp_path, clock, OPS_TOKEN=TOKEN)
    yield local
    local.close()


@pytest.fixture
def pool(idle_pool: FakePool, functions: LocalFunctions) -> FakePool:
    assert idle_pool.heartbeat(functions.send).status_code == 200
    return idle_pool


@pytest.fixture
def backend(functions: LocalFunctions) -> Backend:
    return functions.workspace(webhook_url="https://backend.example/hooks")


@pytest.fixture
def operator(functions: LocalFunctions) -> FlaskClient:
    """A browser that has logged in."""
    browser = functions.app.test_client()
    answer = browser.post("/ops/login", data={"token": TOKEN})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ops")
    return browser


@pytest.fixture
def linked(functions: LocalFunctions, backend: Backend, pool: FakePool) -> str:
    session_id: str = backend.create()["id"]
    pool.scan(session_id)
    pool.relay(functions.send)
    return session_id


def form_token(page: str) -> str:
    found = re.search(r'name="form_token" value="(\w+)"', page)
    assert found
    return found[1]


def test_nobody_gets_in_where_no_token_is_set(tmp_path: Path) -> None:
    local = LocalFunctions(tmp_path)
    assert local.client.get("/ops").status_code == 403
    assert local.client.post("/ops/login", data={"token": ""}).status_code == 403
    local.close()


def test_a_stranger_is_shown_the_form_and_nothing_else(functions: LocalFunctions, linked: str) -> None:
    for path in ("/ops", f"/ops/sessions/{linked}", f"/ops/find?id={linked}"):
        answer = functions.client.get(path)
        assert answer.status_code == 401
        assert "OPS_TOKEN" in answer.get_data(as_text=True)
        assert linked not in answer.get_data(as_text=True)
    assert functions.client.post("/ops/login", data={"token": TOKEN + "x"}).status_code == 401
    assert functions.client.post(f"/ops/sessions/{linked}/hibernate").status_code == 401


def test_an_api_key_is_no_operators_token(functions: LocalFunctions, backend: Backend) -> None:
    assert backend.get("/ops").status_code == 401


def test_the_cookie_is_closed_to_scripts_and_ends_with_the_shift(
    functions: LocalFunctions, operator: FlaskClient, clock: ManualClock
) -> None:
    cookie = operator.get_cookie(COOKIE, path="/ops")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site, cookie.path) == (True, "Strict", "/ops")
    assert operator.get("/ops").status_code == 200
    clock.advance(LASTS + timedelta(seconds=1))
    assert operator.get("/ops").status_code == 401


@pytest.mark.parametrize("cookie", ["", ".", "9999999999.", "9999999999.abc", "x.y", "-1.a", "1e9.a", "²³.a"])
def test_a_made_up_cookie_is_not_known(cookie: str) -> None:
    assert not OpsLogin(TOKEN, "key").knows(cookie, datetime.now(UTC))


def test_a_cookie_of_another_token_is_worth_nothing() -> None:
    now = datetime.now(UTC)
    assert not OpsLogin("new-token", "key").knows(OpsLogin(TOKEN, "key").cookie(now), now)


def test_the_page_shows_what_goes_on_without_any_number(
    functions: LocalFunctions, backend: Backend, pool: FakePool, operator: FlaskClient, linked: str
) -> None:
    broken = backend.create()["id"]
    pool.emit(broken, E.SESSION_FAILED, reason_code="page_broken")
    pool.relay(functions.send)
    answer = operator.get("/ops")
    page = answer.get_data(as_text=True)
    for said in (linked, broken, "page_broken", "node-1", "well", "connected", "never", "<svg", "Start anew"):
        assert said in page, said
    assert "6281234567890" not in page
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "<script" not in page
    assert " style=" not in page
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_session_tells_its_story(operator: FlaskClient, linked: str) -> None:
    found = operator.get(f"/ops/find?id={linked.lower()}")
    assert found.headers["Location"] == f"/ops/sessions/{linked}"
    page = operator.get(f"/ops/sessions/{linked}").get_data(as_text=True)
    for said in ("qr_shown", "scanned", "ready", "Put to sleep"):
        assert said in page, said
    assert "6281234567890" not in page
    assert operator.get("/ops/find?id=<b>").status_code == 404


def test_buttons_work_and_only_from_the_page_itself(
    functions: LocalFunctions, backend: Backend, pool: FakePool, operator: FlaskClient, linked: str
) -> None:
    address = f"/ops/sessions/{linked}/hibernate"
    for foreign in ({}, {"form_token": "0" * 64}):
        assert operator.post(address, data=foreign).status_code == 403
    assert not [call for call in pool.calls if call[1].endswith("/hibernate")]
    token = form_token(operator.get(f"/ops/sessions/{linked}").get_data(as_text=True))
    assert operator.post(address, data={"form_token": token}).status_code == 303
    assert backend.session(linked)["status"] == "hibernated"
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert functions.client.post(f"/ops/sessions/{linked}/wake", headers=bearer).status_code == 303
    assert functions.client.post(f"/ops/sessions/{linked}/delete", headers=bearer).status_code == 404


def test_what_a_node_wrote_of_a_failure_is_one_click_away(
    functions: LocalFunctions, backend: Backend, pool: FakePool, operator: FlaskClient, linked: str
) -> None:
    assert "/diagnosis" not in operator.get(f"/ops/sessions/{linked}").get_data(as_text=True)
    broken = backend.create()["id"]
    pool.emit(broken, E.SESSION_FAILED, reason_code="page_broken")
    pool.relay(functions.send)
    address = f"/ops/sessions/{broken}/diagnosis"
    assert address in operator.get(f"/ops/sessions/{broken}").get_data(as_text=True)
    assert operator.get(address).status_code == 404, "it is older than a week"
    pool.diagnoses[broken] = b"packed"
    answer = operator.get(address)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, b"packed", "application/gzip")
    assert f'filename="diagnosis-{broken}.tar.gz"' in answer.headers["Content-Disposition"]
    assert functions.app.test_client().get(address).status_code == 401
    assert backend.get(address).status_code == 401
    pool.refusal = (500, {"status": 500, "code": "internal_error", "detail": "a bad day"})
    assert operator.get(address).status_code == 503
    assert operator.get("/ops/sessions/01JD3Z0V5M8Q4T2X9Y7W6R1K0B/diagnosis").status_code == 404


def test_what_cannot_be_done_is_said(backend: Backend, operator: FlaskClient, linked: str) -> None:
    token = form_token(operator.get(f"/ops/sessions/{linked}").get_data(as_text=True))
    unlinked = backend.create()["id"]
    answer = operator.post(f"/ops/sessions/{unlinked}/hibernate", data={"form_token": token})
    assert answer.status_code == 409
    assert 'role="alert"' in answer.get_data(as_text=True)
    gone = operator.post("/ops/sessions/01JD3Z0V5M8Q4T2X9Y7W6R1K0B/wake", data={"form_token": token})
    assert gone.status_code == 404


def test_a_webhook_is_sent_again(operator: FlaskClient, linked: str, clock: ManualClock) -> None:
    assert "Send again" not in operator.get("/ops").get_data(as_text=True)  # they are on their way
    clock.advance(timedelta(minutes=2))
    page = operator.get("/ops").get_data(as_text=True)
    (delivery_id, *_) = re.findall(r"/ops/deliveries/(msg_\w+)/retry", page)
    done = operator.post(f"/ops/deliveries/{delivery_id}/retry", data={"form_token": form_token(page)})
    assert done.status_code == 303
    absent = operator.post("/ops/deliveries/msg_x/retry", data={"form_token": form_token(page)})
    assert absent.status_code == 404


def test_a_chart_shows_each_stretch_and_bounds_what_is_beyond() -> None:
    now = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
    samples: list[Any] = [Sample(now - timedelta(minutes=minutes), 900 + minutes) for minutes in range(60)]
    samples += [Sample(now - timedelta(days=1), 10), Sample(now, 10), Sample(now - timedelta(hours=2), 10**9)]
    drawn = str(chart(samples, now, timedelta(hours=6), "QR"))
    assert drawn.count('class="median"') == 7
    assert "nan" not in drawn
    assert "nothing in this time" in chart([], now, timedelta(hours=6), "QR")


@pytest.mark.parametrize(("share", "expected"), [(0.5, 5), (0.95, 10), (0.9, 9), (0.0, 1), (1.0, 10)])
def test_a_quantile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert quantile(list(range(10, 0, -1)), share) == expected
