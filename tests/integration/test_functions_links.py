"""What a backend decides about a link: whose number, and which address."""

from urllib.parse import urlsplit

from tests.fakes import fixtures
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.waiting import eventually

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool

EXPECTED, ANOTHER = "+6281234567890", "+6281299999999"


def opened(functions: LocalFunctions, session: dict[str, str]) -> int:
    """How the page of a link answers."""
    return functions.app.test_client().get(urlsplit(session["link_url"]).path).status_code


def test_a_link_is_renewed_and_the_old_address_is_dead(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session = backend.create()
    answer = backend.post(f"/api/sessions/{session['id']}/link")
    renewed = answer.get_json()
    assert answer.status_code == 200
    assert renewed["link_url"] != session["link_url"]
    assert renewed["version"] > session["version"]
    assert (opened(functions, session), opened(functions, renewed)) == (404, 200)


def test_a_link_is_ended_and_can_be_renewed(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session = backend.create()
    path = f"/api/sessions/{session['id']}/link"
    ended = backend.delete(path).get_json()
    assert (ended["link_url"], ended["status"]) == (None, "qr_scanning")
    assert ended["link_revoked_at"] is not None
    assert backend.delete(path).get_json()["version"] == ended["version"]
    assert opened(functions, session) == 410
    renewed = backend.post(path).get_json()
    assert renewed["link_revoked_at"] is None
    assert opened(functions, renewed) == 200


def test_a_session_that_is_gone_gets_no_link(backend: Backend, pool: FakePool) -> None:
    session = backend.create()
    backend.delete(f"/api/sessions/{session['id']}")
    answer = backend.post(f"/api/sessions/{session['id']}/link")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "session_ended")


def test_another_number_than_the_expected_one_is_logged_out_again(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session = backend.create(expected_phone="+62 812-3456-7890")
    assert session["expected_phone"] == EXPECTED
    pool.scan(session["id"], ANOTHER)
    pool.relay(functions.send)
    after = backend.session(session["id"])
    assert (after["status"], after["reason_code"], after["phone_number"]) == ("failed", "wrong_number", None)
    eventually(lambda: ("POST", f"/sessions/{session['id']}/logout") in [call[:2] for call in pool.calls])


def test_a_number_in_its_other_spelling_is_the_expected_one(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session = backend.create(expected_phone="+5511912345678")
    pool.scan(session["id"], "+551112345678")
    pool.relay(functions.send)
    assert backend.session(session["id"])["status"] == "connected"


def test_another_number_gets_no_code(backend: Backend, pool: FakePool) -> None:
    session = backend.create(expected_phone=EXPECTED)
    answer = backend.post(f"/api/sessions/{session['id']}/pairing-code", json={"phone": ANOTHER})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "phone_not_expected")


def test_a_code_for_one_number_and_the_wish_for_another_is_refused(backend: Backend) -> None:
    answer = backend.post("/api/sessions", json={"phone": ANOTHER, "expected_phone": EXPECTED})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    assert "two accounts" in answer.get_json()["errors"][0]["message"]
