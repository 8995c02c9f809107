"""Webhooks on their way to a real receiver."""

import base64
import io
import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import zxingcpp
from PIL import Image
from standardwebhooks import WebhookVerificationError

from functions.guarded_http import AddressRefused, GuardedHttp
from storage.deliveries import SLOW_TURNS
from storage.events import EventType
from tests.fakes import fixtures, webhook_fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import POOL_SECRET, Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.processes import DelivererProcess
from tests.fakes.receiver import Receiver
from tests.fakes.webhook_fixtures import StartDeliverer, log_of, make_due
from tests.waiting import eventually

idle_pool = fixtures.idle_pool
receiver = fixtures.receiver
functions = webhook_fixtures.functions
backend = webhook_fixtures.backend
pool = webhook_fixtures.pool
deliver = webhook_fixtures.deliver


def pause_after(delivery: dict[str, object]) -> timedelta:
    """From the last attempt to the next one."""
    last, next_ = (
        datetime.fromisoformat(str(delivery[name])) for name in ("last_attempt_at", "next_attempt_at")
    )
    return next_ - last


def test_a_workspace_hears_of_a_link_in_order_and_can_verify_every_word(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    deliver()
    session = backend.create(reference="customer-7")
    pool.scan(session["id"])
    pool.relay(functions.send)
    received = receiver.wait_for(3)
    bodies = [one.verify(backend.webhook_secret) for one in received]
    assert [body["type"] for body in bodies] == [
        "qr_code_generated",
        "session_authenticated",
        "session_ready",
    ]
    versions = [body["data"]["version"] for body in bodies]
    assert versions == sorted(versions)
    for body in bodies:
        assert body["data"]["session_id"] == session["id"]
        assert body["data"]["workspace_id"] == backend.workspace_id
        assert body["data"]["reference"] == "customer-7"
        assert set(body) == {"type", "timestamp", "data"}
    ready = bodies[2]["data"]
    assert (ready["phone_number"], ready["display_name"], ready["is_primary"]) == (
        "+6281234567890",
        "Ayu",
        True,
    )
    with pytest.raises(WebhookVerificationError):
        received[0].verify("whsec_" + base64.b64encode(b"another secret of 32 characters!").decode())


def test_a_qr_is_sent_as_a_picture_with_the_seconds_it_has_left(
    backend: Backend, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    session = backend.create()
    deliver()
    data = receiver.wait_for(1)[0].body["data"]
    picture = base64.b64decode(data["qr_code"].removeprefix("data:image/png;base64,"))
    image = Image.open(io.BytesIO(picture))
    assert image.size == (256, 256)
    assert zxingcpp.read_barcode(image.convert("L")).text == session["qr"]["text"]
    assert 50 <= data["expires_in"] <= 60
    assert data["expires_at"] == session["qr"]["expires_at"]
    assert "qr_text" not in data


def test_a_clock_that_is_ahead_where_a_webhook_is_owed_does_not_delay_it(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    backend.create()
    with functions.services.database.transaction():
        in_a_thousand_years = (
            "UPDATE deliveries SET next_attempt_at = '2999-01-01T00:00:00.000Z' RETURNING id"
        )
        assert rows(functions.services.database, in_a_thousand_years)
    deliver()
    receiver.wait_for(1)


def test_a_qr_that_died_on_the_way_is_delivered_with_no_seconds_left(
    backend: Backend, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    pool.qr_life = timedelta(seconds=-5)
    backend.create()
    deliver()
    assert receiver.wait_for(1)[0].body["data"]["expires_in"] == 0


def test_a_session_can_have_its_own_address(
    backend: Backend, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    deliver()
    backend.create(webhook_url=receiver.url("/only-this"))
    received = receiver.wait_for(2)
    assert sorted(one.path for one in received) == ["/hooks", "/only-this"]
    for one in received:
        one.verify(backend.webhook_secret)


def test_a_failed_attempt_is_repeated_under_the_same_id_and_holds_up_its_session_only(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    broken = backend.create()["id"]
    receiver.answer = lambda one: (500 if one.body["data"]["session_id"] == broken else 200, {})
    deliver()
    receiver.wait_for(1)
    pool.scan(broken)
    pool.relay(functions.send)
    backend.create()
    assert receiver.wait_for(2)[1].body["data"]["session_id"] != broken
    eventually(lambda: log_of(backend)[0]["attempts"] == 1 and log_of(backend)[3]["attempts"] == 1)
    assert [one["status"] for one in log_of(backend)] == ["pending", "pending", "pending", "delivered"]
    assert timedelta(seconds=4.9) < pause_after(log_of(backend)[0]) < timedelta(seconds=5.6)
    receiver.answer = lambda _: (200, {})
    make_due(functions)
    received = receiver.wait_for(5)
    assert received[2].id == received[0].id
    assert [one.body["type"] for one in received[2:]] == [
        "qr_code_generated",
        "session_authenticated",
        "session_ready",
    ]


def test_a_receiver_that_asks_for_time_gets_it(
    backend: Backend, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": "3600"})
    backend.create()
    deliver()
    delivery = eventually(lambda: next((one for one in log_of(backend) if one["attempts"]), None))
    assert delivery["last_status_code"] == 503
    assert timedelta(minutes=59) < pause_after(delivery) <= timedelta(hours=1)


def test_a_delivery_dies_after_the_last_attempt_and_can_be_sent_again(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    receiver.answer = lambda _: (500, {})
    backend.create()
    deliver()
    for attempt in range(1, 11):
        eventually(lambda count=attempt: log_of(backend)[0]["attempts"] == count)  # type: ignore[misc]
        make_due(functions)
    dead = log_of(backend)[0]
    assert (dead["status"], dead["next_attempt_at"], dead["last_error"]) == ("dead", None, "answered 500")
    receiver.answer = lambda _: (200, {})
    retried = backend.post(f"/api/deliveries/{dead['id']}/retry")
    assert (retried.status_code, retried.get_json()["status"]) == (202, "pending")
    eventually(lambda: log_of(backend)[0]["status"] == "delivered")
    assert {one.id for one in receiver.received} == {dead["id"]}


def test_gone_switches_the_endpoint_off(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    receiver.answer = lambda _: (410, {})
    session_id = backend.create()["id"]
    deliver()
    eventually(lambda: log_of(backend)[0]["status"] == "dead")
    pool.scan(session_id)
    pool.relay(functions.send)
    assert len(log_of(backend)) == 1
    retry = backend.post(f"/api/deliveries/{log_of(backend)[0]['id']}/retry")
    assert (retry.status_code, retry.get_json()["code"]) == (409, "endpoint_disabled")
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("location", ["/elsewhere", "http://169.254.169.254/latest/meta-data/"])
def test_a_redirect_is_not_followed(
    receiver: Receiver, status: int, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: asked.append(host) or resolve(host, *rest, **more)
    )
    receiver.answer = lambda _: (status, {"Location": location})
    http = GuardedHttp(frozenset({receiver.host}))
    assert http.post(receiver.url(), b"{}", {}).status == status
    http.close()
    assert receiver.paths() == ["/hooks"]
    assert asked == ["127.0.0.1"]


def test_a_receivers_cookies_are_neither_kept_nor_sent(receiver: Receiver) -> None:
    receiver.answer = lambda one: (200, {"Set-Cookie": f"visit-{one.raw.decode()}=1; Max-Age=9999999"})
    http = GuardedHttp(frozenset({receiver.host}))
    for number in range(3):
        assert http.post(receiver.url(), str(number).encode(), {}).status == 200
    http.close()
    assert [one.headers.get("Cookie") for one in receiver.received] == [None] * 3
    assert not [*http._friends.cookies, *http._strangers.cookies]


def test_an_error_does_not_repeat_what_stands_behind_the_host(
    backend: Backend, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    url = receiver.url("/hooks?token=s3cret")
    deliver()
    receiver.__exit__()  # nobody listens there any more
    backend.create(webhook_url=url)
    eventually(lambda: {one["attempts"] for one in log_of(backend)} == {1})
    errors = " ".join(str(one["last_error"]) for one in log_of(backend))
    assert "ConnectionError" in errors
    assert "s3cret" not in errors


def test_a_deliverer_forgets_what_is_old(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    backend.create()
    deliver()
    eventually(lambda: log_of(backend)[0]["status"] == "delivered")
    database = functions.services.database
    with database.transaction():
        for column, table in (("created_at", "deliveries"), ("received_at", "events")):
            rows(database, f"UPDATE {table} SET {column} = '2000-01-01T00:00:00.000Z'")  # noqa: S608
    deliver()
    eventually(lambda: log_of(backend) == [])
    eventually(lambda: rows(database, "SELECT 1 FROM events") == [], "they leave after deliveries")


def test_the_log_can_be_filtered_and_paged(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    sessions = [backend.create()["id"] for _ in range(3)]
    first = backend.get("/api/deliveries?limit=2").get_json()
    rest = backend.get(f"/api/deliveries?limit=2&cursor={first['next_cursor']}").get_json()
    assert [one["session_id"] for one in first["deliveries"] + rest["deliveries"]] == sessions[::-1]
    assert rest["next_cursor"] is None
    only = backend.get(f"/api/deliveries?status=pending&session_id={sessions[1]}").get_json()["deliveries"]
    assert [one["session_id"] for one in only] == [sessions[1]]
    assert backend.get("/api/deliveries?status=dead").get_json()["deliveries"] == []


def test_of_a_deleted_session_the_log_keeps_no_content(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    session_id = backend.create()["id"]
    deliver()
    eventually(lambda: log_of(backend)[0]["status"] == "delivered")
    receiver.hold = threading.Event()
    pool.scan(session_id)
    pool.relay(functions.send)
    receiver.wait_for(2)
    backend.delete(f"/api/sessions/{session_id}")
    receiver.hold.set()
    assert receiver.wait_for(3)[2].body["data"]["phone_number"] == "+6281234567890"  # owed is owed
    eventually(lambda: {one["status"] for one in log_of(backend)} == {"delivered"})
    kept = rows(functions.services.database, "SELECT data FROM deliveries")
    assert {row["data"] for row in kept} == {"{}"}
    retry = backend.post(f"/api/deliveries/{log_of(backend)[0]['id']}/retry")
    assert (retry.status_code, retry.get_json()["code"]) == (409, "session_deleted")


# ── where webhooks may go ────────────────────────────────────────────────────


def test_a_private_address_is_refused_before_a_connection_is_made(
    functions: LocalFunctions, pool: FakePool, deliver: StartDeliverer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        port = trap.getsockname()[1]
        backend = functions.workspace("Thief", f"https://localhost:{port}/")
        backend.create()
        deliver()
        delivery = eventually(lambda: next((one for one in log_of(backend) if one["last_error"]), None))
        assert "not a public address" in str(delivery["last_error"])
        with pytest.raises(TimeoutError):
            trap.accept()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1:1/",
        "https://0.0.0.0:1/",
        "https://2130706433:1/",
        "https://0x7f000001:1/",
        "https://0x7f.1:1/",
        "https://0177.0.0.1:1/",
        "https://127.1:1/",
        "https://169.254.169.254:1/",
        "https://[::1]:1/",
        "https://[::]:1/",
        "https://[::ffff:127.0.0.1]:1/",
        "https://[::ffff:a9fe:a9fe]:1/",
        "https://[64:ff9b::7f00:1]:1/",
        "https://[fd00:ec2::254]:1/",
        "https://[fe80::1]:1/",
    ],
)
def test_an_address_that_is_not_allowed_is_refused(url: str) -> None:
    http = GuardedHttp(frozenset())
    with pytest.raises(AddressRefused):
        http.post(url, b"{}", {})
    http.close()


def test_a_name_with_a_public_and_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("93.184.216.34", 443)), (*kind, ("169.254.169.254", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)  # a resolver of an attacker is not to be had here
    http = GuardedHttp(frozenset())
    with pytest.raises(AddressRefused, match=r"169\.254\.169\.254"):
        http.post("https://rebind.example/", b"{}", {})
    http.close()


def test_a_name_is_resolved_once_and_what_was_judged_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that says a public address first and a private one then is asked no second time."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.1)
        port = trap.getsockname()[1]
        asked: list[object] = []
        connected: list[object] = []

        def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
            asked.append(1)
            address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        def connect(_: socket.socket, address: object) -> None:
            connected.append(address)
            raise ConnectionRefusedError("nothing leaves this machine in a test")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket.socket, "connect", connect)
        http = GuardedHttp(frozenset())
        with pytest.raises(requests.ConnectionError):
            http.post(f"https://rebind.example:{port}/", b"{}", {})
        http.close()
        assert connected == [("93.184.216.34", port)]
        with pytest.raises(TimeoutError):
            trap.accept()


def test_a_receiver_that_drips_its_answer_is_cut_off() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"X")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        host = f"127.0.0.1:{server.getsockname()[1]}"
        http = GuardedHttp(frozenset({host}), timeout=0.4)
        try:
            with pytest.raises(requests.RequestException):
                http.post(f"http://{host}/", b"{}", {})
        finally:
            stop.set()
            thread.join()
            http.close()


def test_a_receiver_that_pours_is_read_no_further() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def pour() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 50_000_000
                    )
                except OSError:
                    return

        thread = threading.Thread(target=pour)
        thread.start()
        host = f"127.0.0.1:{server.getsockname()[1]}"
        http = GuardedHttp(frozenset({host}), timeout=5)
        assert http.post(f"http://{host}/", b"{}", {}).status == 200
        http.close()
        thread.join()


# ── the process ──────────────────────────────────────────────────────────────


def test_a_killed_deliverer_loses_nothing(
    tmp_path: Path, backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver
) -> None:
    receiver.hold = threading.Event()
    sessions = [backend.create()["id"] for _ in range(5)]
    with DelivererProcess(tmp_path, receiver.host) as first:
        begun = receiver.wait_for(SLOW_TURNS)  # it is new here; more are not risked on it
        first.kill()
    receiver.hold.set()
    for session_id in sessions:
        pool.scan(session_id)
    pool.relay(functions.send)
    with functions.services.database.transaction():  # a minute later, when the claims of the dead have ended
        rows(
            functions.services.database,
            "UPDATE deliveries SET claimed_until = :past WHERE claimed_until IS NOT NULL",
            past="2000-01-01T00:00:00.000Z",
        )
    with DelivererProcess(tmp_path, receiver.host):
        eventually(lambda: {one["status"] for one in log_of(backend)} == {"delivered"})
    assert len({one.id for one in receiver.received}) == 15
    for session_id in sessions:
        seen = [one.body["type"] for one in receiver.received if one.body["data"]["session_id"] == session_id]
        twice = 1 + any(one.body["data"]["session_id"] == session_id for one in begun)
        assert seen == ["qr_code_generated"] * twice + ["session_authenticated", "session_ready"]
    assert len(receiver.received) == 15 + SLOW_TURNS


def test_a_deliverer_that_is_stopped_finishes_what_it_has_begun(
    tmp_path: Path, backend: Backend, pool: FakePool, receiver: Receiver
) -> None:
    receiver.hold = threading.Event()
    backend.create()
    with DelivererProcess(tmp_path, receiver.host) as process:
        receiver.wait_for(1)
        process.popen.terminate()
        with pytest.raises(Exception, match="timed out"):
            process.popen.wait(0.3)
        receiver.hold.set()
        assert process.popen.wait(10) == 0
    assert log_of(backend)[0]["status"] == "delivered"
    assert json.loads(process.output.read_text().splitlines()[-1])["event"] == "deliverer_stopped"


def test_two_deliverers_send_everything_once(
    tmp_path: Path, backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver
) -> None:
    with DelivererProcess(tmp_path, receiver.host), DelivererProcess(tmp_path / "..", receiver.host) as _:
        for _ in range(10):
            session_id = backend.create()["id"]
            pool.scan(session_id)
            pool.relay(functions.send)
        eventually(
            lambda: len(receiver.received) >= 30 and {o["status"] for o in log_of(backend)} == {"delivered"}
        )
    assert len(receiver.received) == 30
    assert POOL_SECRET not in receiver.received[0].raw.decode()


def test_a_webhook_does_not_wait_for_a_timer(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    deliver()
    session_id = backend.create()["id"]
    receiver.wait_for(1)
    began = datetime.now(UTC)
    pool.emit(session_id, EventType.SESSION_AUTHENTICATED)
    pool.relay(functions.send)
    receiver.wait_for(2)
    assert datetime.now(UTC) - began < timedelta(seconds=0.9)  # LONGEST_SLEEP_SECONDS is 1
