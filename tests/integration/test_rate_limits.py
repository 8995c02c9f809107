"""How often a key, a link and an address may ask; with one process, and with three workers of gunicorn."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from werkzeug.test import TestResponse

from storage.clock import ManualClock, SystemClock
from storage.database import open_database
from storage.sqlite_database import SqliteDatabase
from storage.workspaces import Workspaces
from tests.fakes.databases import registry_in
from tests.fakes.fixtures import clock as clock
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.processes import Gunicorn

LIMITS = {
    "RATE_KEY_PER_MINUTE": "20",
    "RATE_LINK_PER_MINUTE": "12",
    "RATE_LINK_ACTION_PER_MINUTE": "3",
    "RATE_ADDRESS_PER_MINUTE": "10",
    "RATE_WRONG_PER_MINUTE": "6",
}
WRONG_KEY = "lp_00000000_" + "0" * 43


@pytest.fixture(params=["file", "registry", "registry on PostgreSQL"])
def functions(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[LocalFunctions]:
    where, _, server = request.param.partition(" on ")
    more = {"DATABASE_URL": request.getfixturevalue("postgres_url")} if server else {}
    local = LocalFunctions(tmp_path, clock, **LIMITS, LIMITS_STATE=where, **more)
    yield local
    local.close()


@pytest.fixture
def backend(functions: LocalFunctions) -> Backend:
    return functions.workspace()


def codes(answers: list[TestResponse]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def with_key(functions: LocalFunctions, key: str, address: str = "192.0.2.1") -> TestResponse:
    return functions.client.get(
        "/api/sessions",
        headers={"Authorization": f"Bearer {key}"},
        environ_overrides={"REMOTE_ADDR": address},
    )


def statements_of(functions: LocalFunctions) -> list[str] | None:
    """What the registry is asked from now on; None on PostgreSQL, which does not tell."""
    database = functions.services.database
    if not isinstance(database, SqliteDatabase):
        return None
    asked: list[str] = []
    database.connection.set_trace_callback(asked.append)
    return asked


def page_of(backend: Backend) -> str:
    return "/link/" + backend.create(start=False)["link_url"].partition("/link/")[2]


def test_a_key_has_a_quota_of_its_own(functions: LocalFunctions, backend: Backend) -> None:
    answers = [backend.get("/api/sessions") for _ in range(25)]
    assert codes(answers) == {200: 20, 429: 5}
    refused = answers[-1]
    assert refused.get_json()["code"] == "rate_limited"
    assert refused.mimetype == "application/problem+json"
    assert 0 < int(refused.headers["Retry-After"]) <= 3
    assert with_key(functions, functions.workspace("Other").api_key).status_code == 200


def test_the_header_fields_say_how_it_stands(
    functions: LocalFunctions, backend: Backend, clock: ManualClock
) -> None:
    first = backend.get("/api/sessions")
    assert first.headers["RateLimit-Policy"] == '"key";q=20;w=60'
    assert first.headers["RateLimit"] == '"key";r=19;t=3'
    for _ in range(25):
        last = backend.get("/api/sessions")
    assert last.headers["RateLimit"] == '"key";r=0;t=60'
    clock.advance(timedelta(seconds=int(last.headers["Retry-After"])))
    assert backend.get("/api/sessions").status_code == 200
    clock.advance(timedelta(minutes=2))
    assert backend.get("/api/sessions").headers["RateLimit"] == '"key";r=19;t=3'


def test_a_link_has_a_quota_and_what_it_asks_for_a_smaller_one(
    functions: LocalFunctions, backend: Backend, clock: ManualClock
) -> None:
    page = page_of(backend)
    json = {"Accept": "application/json"}
    asked = [functions.client.post(f"{page}/start", headers=json) for _ in range(5)]
    assert codes(asked) == {200: 3, 429: 2}
    assert re.fullmatch(r'"link";r=\d+;t=\d+, "link-action";r=0;t=60', asked[-1].headers["RateLimit"])
    clock.advance(timedelta(minutes=1))
    polls = [functions.client.get(f"{page}/status") for _ in range(15)]
    assert codes(polls) == {200: 12, 429: 3}
    assert polls[-1].get_json()["code"] == "rate_limited"
    assert functions.client.get(f"{page_of(backend)}/status").status_code == 200


def test_a_person_is_told_in_words(functions: LocalFunctions, backend: Backend) -> None:
    page = page_of(backend)
    answers = [functions.client.get(page, headers={"Accept": "text/html"}) for _ in range(13)]
    refused = answers[-1]
    assert (refused.status_code, refused.mimetype) == (429, "text/html")
    assert "try again" in refused.get_data(as_text=True)
    assert int(refused.headers["Retry-After"]) > 0
    assert "nonce-" in refused.headers["Content-Security-Policy"]


def test_wrong_keys_are_not_looked_up_any_more(functions: LocalFunctions, backend: Backend) -> None:
    assert with_key(functions, backend.api_key).status_code == 200
    newcomer = functions.workspace("New").api_key
    looked_up = statements_of(functions)
    answers = [with_key(functions, WRONG_KEY) for _ in range(10)]
    assert codes(answers) == {401: 6, 429: 4}
    assert answers[0].headers["RateLimit"] == '"wrong-credentials";r=5;t=10'
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert looked_up is None or sum("api_keys" in statement for statement in looked_up) == 6
    assert with_key(functions, newcomer).status_code == 429  # from this address, for a while
    assert with_key(functions, newcomer, "192.0.2.2").status_code == 200


def test_whatever_is_wrong_with_a_key_the_same_is_done_and_said(
    functions: LocalFunctions, backend: Backend
) -> None:
    """What the time tells is measured by `python -m bench.limits`."""
    _, prefix, secret = backend.api_key.split("_")
    made = functions.services.workspaces.keys.create(backend.workspace_id)
    functions.services.workspaces.keys.revoke(made.key.prefix)
    revoked = made.api_key
    told = statements_of(functions)
    asked = [] if told is None else told
    seen = []
    for number, key in enumerate(
        (WRONG_KEY, f"lp_{prefix}_{'0' * 43}", f"lp_{prefix}_{secret[:42]}0", revoked)
    ):
        asked.clear()
        answer = with_key(functions, key, f"192.0.2.{number}")
        problem = answer.get_json() | {"request_id": None}
        shapes = [re.sub(r"'\w+'", "?", statement) for statement in asked if "api_keys" in statement]
        seen.append((answer.status_code, problem, shapes))
    assert all(one == seen[0] for one in seen)
    assert told is None or len(seen[0][2]) == 1


def test_who_was_good_before_is_not_locked_out_by_his_neighbour(
    functions: LocalFunctions, backend: Backend
) -> None:
    page = page_of(backend)
    assert functions.client.get(f"{page}/status").status_code == 200
    with_key(functions, backend.api_key, "127.0.0.1")
    for _ in range(20):
        with_key(functions, WRONG_KEY, "127.0.0.1")
        functions.client.get("/link/wrong/status")
    assert with_key(functions, backend.api_key, "127.0.0.1").status_code == 200
    assert functions.client.get(f"{page}/status").status_code == 200
    assert with_key(functions, WRONG_KEY, "127.0.0.1").status_code == 429


def test_a_key_that_was_revoked_is_a_wrong_one(functions: LocalFunctions, backend: Backend) -> None:
    assert with_key(functions, backend.api_key).status_code == 200
    functions.services.workspaces.keys.revoke(backend.api_key.split("_")[1], even_last=True)
    assert codes([with_key(functions, backend.api_key) for _ in range(10)]) == {401: 6, 429: 4}


def test_wrong_links_and_signatures_count_as_well(functions: LocalFunctions) -> None:
    answers = [functions.client.get(f"/link/{number}") for number in range(4)]
    answers += [functions.client.post("/api/webhook", data=b"{}") for _ in range(2)]
    assert codes(answers) == {404: 4, 401: 2}
    assert functions.client.get("/link/5").status_code == 429
    assert functions.client.post("/api/webhook", data=b"{}").status_code == 401  # costs no look-up


def test_an_address_has_a_quota_for_what_needs_no_key(functions: LocalFunctions) -> None:
    answers = [functions.client.get(path) for path in ["/health", "/nowhere"] * 6]
    assert codes(answers) == {200: 5, 404: 5, 429: 2}
    assert answers[0].headers["RateLimit-Policy"] == '"address";q=10;w=60'
    assert all(functions.client.get(path).status_code == 200 for path in ["/livez", "/readyz"] * 10)


@pytest.mark.parametrize("trusted", ["", "127.0.0.0/8"])
def test_clients_behind_a_proxy_are_told_apart_when_it_is_trusted(tmp_path: Path, trusted: str) -> None:
    functions = LocalFunctions(tmp_path, **LIMITS, TRUSTED_PROXIES=trusted)

    def ask(client: str) -> int:
        return functions.client.get("/health", headers={"X-Forwarded-For": client}).status_code

    answers = Counter(ask(f"198.51.100.{number}") for number in range(20))
    assert answers == ({200: 20} if trusted else {200: 10, 429: 10})
    assert {ask("198.51.100.77") for _ in range(12)} == ({200, 429} if trusted else {429})
    functions.close()


def test_who_is_refused_is_logged_once_a_minute(
    functions: LocalFunctions, backend: Backend, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for _ in range(3):
        for _ in range(40):
            with_key(functions, backend.api_key)
            with_key(functions, WRONG_KEY)
        clock.advance(timedelta(minutes=1))
    said = Counter(record.__dict__["client"] for record in caplog.records if record.message == "rate_limited")
    assert said == {backend.api_key[:11]: 3, "192.0.2.1": 3}
    assert backend.api_key not in caplog.text
    assert WRONG_KEY not in caplog.text
    lines = sum(record.message == "request" for record in caplog.records)
    assert lines < 3 * (20 + 6) + 5


def test_limits_can_be_switched_off(tmp_path: Path) -> None:
    for number, settings in enumerate(({"LIMITS_STATE": "off"}, dict.fromkeys(LIMITS, "0"))):
        functions = LocalFunctions(tmp_path / str(number), **{**LIMITS, **settings})
        answers = [functions.client.get("/health") for _ in range(30)]
        assert codes(answers) == {200: 30}
        assert "RateLimit" not in answers[0].headers
        functions.close()


def hammer(urls: list[str], key: str) -> None:
    """150 good and 120 wrong requests in turn to each server; all together may let 60 and 30 pass."""

    def ask(number: int, bearer: str) -> int:
        url = urls[number % len(urls)]
        headers = {"Authorization": f"Bearer {bearer}", "Connection": "close"}
        return requests.get(f"{url}/api/sessions", headers=headers, timeout=30).status_code

    began = time.monotonic()
    with ThreadPoolExecutor(12) as threads:
        good = Counter(threads.map(ask, range(150), [key] * 150))
        wrong = Counter(threads.map(ask, range(120), [WRONG_KEY] * 120))
    # one a second is refilled meanwhile; and what is being looked up already is not called back
    slack = int(time.monotonic() - began) + 1 + 12
    assert 60 <= good[200] <= 60 + slack
    assert good[200] + good[429] == 150
    assert 30 <= wrong[401] <= 30 + slack
    assert wrong[401] + wrong[429] == 120


MANY = {**LIMITS, "RATE_KEY_PER_MINUTE": "60", "RATE_WRONG_PER_MINUTE": "30"}


def key_in(url: str) -> str:
    database = open_database(url)
    key = Workspaces(database, SystemClock()).create("Toko").api_key
    database.close()
    return key


def test_three_workers_share_the_quotas(tmp_path: Path) -> None:
    with Gunicorn(tmp_path, GUNICORN_CMD_ARGS="--workers=3", **MANY) as server:
        hammer([server.url], key_in(registry_in(tmp_path)))


def test_two_machines_of_two_workers_share_the_quotas_through_postgresql(
    tmp_path: Path, postgres_url: str
) -> None:
    more = {"GUNICORN_CMD_ARGS": "--workers=2", "LIMITS_STATE": "registry", "DATABASE_URL": postgres_url}
    places = [tmp_path / name for name in ("one", "two")]
    for place in places:
        place.mkdir()
    with Gunicorn(places[0], **MANY, **more) as one, Gunicorn(places[1], **MANY, **more) as two:
        hammer([one.url, two.url], key_in(postgres_url))
