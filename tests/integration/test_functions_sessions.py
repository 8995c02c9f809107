"""What a backend does with sessions, over a node that speaks the real control API."""

import io
from datetime import timedelta

import pytest
import zxingcpp
from PIL import Image

from functions.links import hash_token
from storage.events import EventType
from tests.fakes import fixtures
from tests.fakes.databases import everything_in
from tests.fakes.functions import POOL_SECRET, Backend, LocalFunctions
from tests.fakes.pool import FakePool

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool

PHONE = "+6281234567890"


def linked(backend: Backend, pool: FakePool, functions: LocalFunctions, phone_number: str = PHONE) -> str:
    session_id: str = backend.create()["id"]
    pool.scan(session_id, phone_number)
    pool.relay(functions.send)
    assert backend.session(session_id)["status"] == "connected"
    return session_id


# ── create ───────────────────────────────────────────────────────────────────


def test_a_warm_node_gives_the_qr_in_the_answer(backend: Backend, pool: FakePool) -> None:
    response = backend.post("/api/sessions", json={"reference": "customer-7", "metadata": {"plan": "pro"}})
    session = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"].endswith(f"/api/sessions/{session['id']}")
    assert (session["status"], session["phase"], session["reference"]) == (
        "qr_scanning",
        "waiting_for_scan",
        "customer-7",
    )
    assert session["qr"]["text"].startswith("2@")
    assert session["qr"]["png_url"].endswith(f"/api/sessions/{session['id']}/qr.png")
    assert session["metadata"] == {"plan": "pro"}
    assert (session["node_id"], session["assigned_instance_index"]) == ("node-1", 0)
    assert session["assigned_instance_url"] == pool.url
    assert session["timings"]["qr_generation_ms"] == 41


def test_without_a_living_node_the_session_waits_for_the_next_heartbeat(
    backend: Backend, idle_pool: FakePool, functions: LocalFunctions
) -> None:
    response = backend.post("/api/sessions", json={})
    assert (response.status_code, response.get_json()["status"]) == (202, "created")
    run = idle_pool.heartbeat(functions.send).get_json()["run"]
    assert [spec["id"] for spec in run] == [response.get_json()["id"]]


def test_a_full_node_queues_and_the_answer_says_so(backend: Backend, pool: FakePool) -> None:
    pool.full = True
    response = backend.post("/api/sessions", json={})
    assert response.status_code == 202
    assert response.get_json()["queue"] == {"position": 1, "estimated_wait_ms": 4000}


def test_a_node_that_does_not_answer_costs_nothing_but_time(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    pool.refusal = (500, {"code": "broken"})
    response = backend.post("/api/sessions", json={})
    assert (response.status_code, response.get_json()["status"]) == (202, "created")
    pool.refusal = None
    (spec,) = pool.heartbeat(functions.send).get_json()["run"]
    assert (spec["id"], spec["generation"], spec["start_seq"]) == (response.get_json()["id"], 1, 1)


def test_a_session_need_not_start_at_once(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session = backend.create(start=False)
    assert (session["status"], session["node_id"], pool.calls) == ("created", None, [])
    assert pool.heartbeat(functions.send).get_json()["run"] == []
    started = backend.post(f"/api/sessions/{session['id']}/restart")
    assert (started.status_code, started.get_json()["status"]) == (202, "qr_scanning")


def test_a_phone_asks_for_a_pairing_code_at_once(backend: Backend, pool: FakePool) -> None:
    session = backend.create(phone="+62 812-3456-7890")
    assert session["pairing_code"]["code"] == "ABCD-EFGH"
    assert session["pairing_code"]["phone_number"] == PHONE
    assert pool.calls[0][2]["phone_number"] == PHONE


def test_the_spec_carries_what_the_backend_asked_for(backend: Backend, pool: FakePool) -> None:
    session = backend.create(keep_alive=True, proxy="http://user:pw@proxy.example:8080", locale="pt-BR")
    assert pool.calls == [
        (
            "PUT",
            f"/sessions/{session['id']}",
            {
                "id": session["id"],
                "workspace_id": backend.workspace_id,
                "generation": 1,
                "linked": False,
                "fresh": False,
                "start_seq": 1,
                "phone_number": None,
                "keep_alive": True,
                "proxy": "http://user:pw@proxy.example:8080",
                "locale": "pt-BR",
                "snapshot_id": None,
                "owned_since": 0,
                "record": {"keep_alive": True, "locale": "pt-BR", "created_at": session["created_at"]},
            },
        )
    ]
    assert "proxy" not in session  # it may hold a password


def test_what_the_answer_carried_and_the_relay_repeats_counts_once(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session = backend.create()
    outcomes = pool.relay(functions.send).get_json()["outcomes"]
    assert {outcome["outcome"] for outcome in outcomes} == {"duplicate"}
    assert backend.session(session["id"])["version"] == session["version"]


# ── link ─────────────────────────────────────────────────────────────────────


def test_ready_is_seen_with_everything_that_belongs_to_it(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session = backend.session(linked(backend, pool, functions))
    assert (session["phone_number"], session["display_name"], session["is_primary"]) == (PHONE, "Ayu", True)
    assert (session["qr"], session["pairing_code"], session["phase"]) == (None, None, None)
    assert session["timings"]["phone_extraction_ms"] == 88
    assert session["connected_at"] is not None


def test_the_link_leads_to_the_session_and_is_kept_as_a_hash_only(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session = backend.create()
    token = session["link_url"].rpartition("/")[2]
    found = functions.services.links.find(token)
    assert found is not None
    assert found.id == session["id"]
    assert found.link_token_hash == hash_token(token)
    assert token not in everything_in(functions.services.database)
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert functions.services.links.find(other) is None
    assert len(token) == 43


def test_deleting_revokes_the_link(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    session = backend.create()
    backend.delete(f"/api/sessions/{session['id']}")
    assert functions.services.links.find(session["link_url"].rpartition("/")[2]) is None


# ── read ─────────────────────────────────────────────────────────────────────


def test_an_unchanged_session_is_not_sent_again(backend: Backend, pool: FakePool) -> None:
    created = backend.post("/api/sessions", json={})
    address = f"/api/sessions/{created.get_json()['id']}"
    etag = created.headers["ETag"]
    assert etag == f'"{created.get_json()["id"]}-{created.get_json()["version"]}"'
    again = backend.get(address, headers={"If-None-Match": etag})
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", etag)
    backend.post(f"{address}/qr")
    changed = backend.get(address, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_a_qr_that_died_is_not_shown_and_changes_the_etag(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    pool.qr_life = timedelta(seconds=-1)
    created = backend.post("/api/sessions", json={})
    session = created.get_json()
    assert (session["status"], session["qr"]) == ("qr_scanning", None)
    assert created.headers["ETag"].endswith('-expired"')
    picture = backend.get(f"/api/sessions/{session['id']}/qr.png")
    assert (picture.status_code, picture.get_json()["code"]) == (409, "no_qr")


def test_the_picture_shows_the_qr_on_display(backend: Backend, pool: FakePool) -> None:
    session = backend.create()
    png = backend.get(f"/api/sessions/{session['id']}/qr.png")
    image = Image.open(io.BytesIO(png.get_data()))
    assert (png.mimetype, png.headers["Cache-Control"], image.size) == ("image/png", "no-store", (256, 256))
    assert zxingcpp.read_barcode(image.convert("L")).text == session["qr"]["text"]
    svg = backend.get(f"/api/sessions/{session['id']}/qr.svg")
    assert svg.mimetype == "image/svg+xml"
    assert svg.get_data(as_text=True).startswith("<svg ")


def test_the_list_is_newest_first_and_paged(backend: Backend, pool: FakePool) -> None:
    made = [backend.create(reference=f"r{number % 2}", start=False)["id"] for number in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = backend.get(f"/api/sessions?limit=2{cursor}").get_json()
        seen += [session["id"] for session in page["sessions"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert seen == sorted(made, reverse=True)
    one = backend.get("/api/sessions?reference=r1").get_json()["sessions"]
    assert sorted(session["id"] for session in one) == sorted([made[1], made[3]])


def test_the_list_filters_by_status_and_number(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool, functions)
    backend.create()

    def ids(query: str) -> list[str]:
        return [session["id"] for session in backend.get(f"/api/sessions?{query}").get_json()["sessions"]]

    assert ids("status=connected,reconnecting") == [session_id]
    assert ids("phone_number=%2B62+812-3456-7890") == [session_id]
    assert ids("status=failed") == []


# ── ask ──────────────────────────────────────────────────────────────────────


def test_regenerating_gives_another_qr_in_the_answer(backend: Backend, pool: FakePool) -> None:
    session = backend.create()
    regenerated = backend.post(f"/api/sessions/{session['id']}/qr")
    assert regenerated.status_code == 200
    assert regenerated.get_json()["qr"]["text"] != session["qr"]["text"]


def test_a_linked_session_needs_no_qr(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    session_id = linked(backend, pool, functions)
    response = backend.post(f"/api/sessions/{session_id}/qr")
    assert (response.status_code, response.get_json()["code"]) == (409, "already_linked")


@pytest.mark.parametrize(
    ("end", "fresh"),
    [
        (EventType.SESSION_EXPIRED, True),
        (EventType.SESSION_LOGGED_OUT, True),
        (EventType.SESSION_FAILED, False),
    ],
)
@pytest.mark.parametrize("call", ["qr", "restart"])
def test_an_ended_session_starts_again_into_a_fresh_qr(
    backend: Backend, pool: FakePool, functions: LocalFunctions, end: EventType, fresh: bool, call: str
) -> None:
    session = backend.create()
    pool.emit(session["id"], end)
    pool.relay(functions.send)
    assert backend.session(session["id"])["status"] == end.value.removeprefix("session_")
    again = backend.post(f"/api/sessions/{session['id']}/{call}").get_json()
    assert again["status"] == "qr_scanning"
    assert again["qr"]["text"] != session["qr"]["text"]
    spec = pool.held[session["id"]]
    assert (spec.generation, spec.start_seq, spec.linked, spec.fresh) == (2, 2, False, fresh)


def test_restarting_a_linked_session_asks_for_its_login_never_for_a_qr(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool, functions)
    response = backend.post(f"/api/sessions/{session_id}/restart")
    assert (response.status_code, response.get_json()["status"]) == (202, "reconnecting")
    assert response.get_json()["phone_number"] == PHONE
    spec = pool.held[session_id]
    assert (spec.linked, spec.fresh, spec.start_seq) == (True, False, 2)
    pool.emit(session_id, EventType.SESSION_RECONNECTED)
    pool.relay(functions.send)
    assert backend.session(session_id)["status"] == "connected"


def test_a_linked_session_waits_for_the_machine_that_has_its_login(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool, functions)
    with FakePool(POOL_SECRET, "node-2") as other:
        other.heartbeat(functions.send)
        pool.draining = True
        pool.heartbeat(functions.send)
        restarted = backend.post(f"/api/sessions/{session_id}/restart").get_json()
        assert (restarted["status"], restarted["node_id"]) == ("reconnecting", "node-1")
        assert other.calls == []


def test_an_unlinked_session_starts_again_where_there_is_room(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = backend.create()["id"]
    with FakePool(POOL_SECRET, "node-2") as other:
        other.heartbeat(functions.send)
        pool.draining = True
        pool.heartbeat(functions.send)
        restarted = backend.post(f"/api/sessions/{session_id}/restart").get_json()
        assert (restarted["status"], restarted["node_id"]) == ("qr_scanning", "node-2")
        assert pool.heartbeat(functions.send).get_json()["drop"] == [session_id]


def test_a_pairing_code_can_be_asked_for_beside_the_qr(backend: Backend, pool: FakePool) -> None:
    session = backend.create()
    response = backend.post(f"/api/sessions/{session['id']}/pairing-code", json={"phone": PHONE})
    assert response.status_code == 200
    assert response.get_json()["pairing_code"]["code"] == "ABCD-EFGH"
    assert response.get_json()["qr"] is not None


def test_only_the_node_can_answer_so_its_silence_is_said(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session = backend.create()
    pool.__exit__()
    functions.services.sessions.close()  # ends the connection that was kept open
    for call, body in (("qr", {}), ("pairing-code", {"phone": PHONE})):
        response = backend.post(f"/api/sessions/{session['id']}/{call}", json=body)
        assert (response.status_code, response.get_json()["code"]) == (503, "node_unreachable")
        assert int(response.headers["Retry-After"]) > 0


def test_what_the_node_refuses_is_passed_on(backend: Backend, pool: FakePool) -> None:
    session = backend.create()
    del pool.held[session["id"]]
    response = backend.post(f"/api/sessions/{session['id']}/qr")
    assert (response.status_code, response.get_json()["code"]) == (409, "not_running")


def test_logging_out_removes_the_device(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    session_id = linked(backend, pool, functions)
    response = backend.post(f"/api/sessions/{session_id}/logout")
    assert (response.status_code, response.get_json()["status"]) == (200, "logged_out")
    again = backend.post(f"/api/sessions/{session_id}/logout")
    assert (again.status_code, again.get_json()) == (200, response.get_json())


def test_logging_out_waits_for_a_node_that_is_away(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool, functions)
    pool.refusal = (503, {"code": "busy"})
    response = backend.post(f"/api/sessions/{session_id}/logout")
    assert (response.status_code, response.get_json()["status"]) == (202, "connected")
    assert pool.heartbeat(functions.send).get_json()["log_out"] == [session_id]
    pool.emit(session_id, EventType.SESSION_LOGGED_OUT, reason_code="requested")
    pool.relay(functions.send)
    assert pool.heartbeat(functions.send).get_json()["log_out"] == []


def test_a_logout_of_what_its_node_has_lost_is_done_when_the_node_has_it_again(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool, functions)
    spec = pool.held.pop(session_id)
    response = backend.post(f"/api/sessions/{session_id}/logout")
    assert (response.status_code, response.get_json()["status"]) == (202, "connected")
    answer = pool.heartbeat(functions.send).get_json()
    assert [one["id"] for one in answer["run"]] == answer["log_out"] == [session_id]
    assert answer["run"][0]["linked"]
    pool.held[session_id] = spec
    answer = pool.heartbeat(functions.send).get_json()
    assert (answer["run"], answer["log_out"]) == ([], [session_id])


def test_deleting_is_done_at_once_here_and_until_it_is_done_there(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool, functions)
    pool.refusal = (503, {"code": "busy"})
    deleted = backend.delete(f"/api/sessions/{session_id}")
    assert (deleted.status_code, deleted.get_json()["status"]) == (200, "deleted")
    assert deleted.get_json()["phone_number"] is None
    assert deleted.get_json()["link_url"] is None
    assert backend.delete(f"/api/sessions/{session_id}").get_json() == deleted.get_json()
    assert backend.session(session_id)["status"] == "deleted"
    assert backend.get("/api/sessions").get_json()["sessions"] == []
    assert pool.heartbeat(functions.send).get_json()["erase"] == [session_id]
    pool.held.clear()
    assert pool.heartbeat(functions.send).get_json()["erase"] == [session_id]  # the profile is still there
    pool.profiles.clear()
    assert pool.heartbeat(functions.send).get_json()["erase"] == []
    assert functions.services.registry.sessions.get(session_id).erased_at is not None


@pytest.mark.parametrize("call", ["qr", "restart", "logout", "primary"])
def test_a_deleted_session_does_nothing_more(backend: Backend, pool: FakePool, call: str) -> None:
    session = backend.create()
    backend.delete(f"/api/sessions/{session['id']}")
    assert backend.post(f"/api/sessions/{session['id']}/{call}").status_code == 409


def test_primary_moves_to_the_account_that_is_named(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    first = linked(backend, pool, functions)
    second = linked(backend, pool, functions, "+6281234567891")
    assert backend.post(f"/api/sessions/{second}/primary").get_json()["is_primary"] is True
    assert backend.session(first)["is_primary"] is False
    unlinked = backend.create()["id"]
    assert backend.post(f"/api/sessions/{unlinked}/primary").get_json()["code"] == "not_linked"
