"""With NUMBERS_KEY no digit of a number lies in the registry, and everybody who may sees it still."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from functions.deliver import make_deliverer
from functions.guarded_http import GuardedHttp
from storage.cli import main
from storage.clock import SystemClock
from storage.database import is_postgres, sqlite_path
from storage.errors import ConfigError
from storage.events import EventType
from storage.number_key_table import known_keys
from tests.fakes import fixtures
from tests.fakes.functions import Backend, LocalFunctions, environment
from tests.fakes.pool import FakePool
from tests.fakes.processes import ROOT
from tests.fakes.receiver import Receiver

idle_pool = fixtures.idle_pool
receiver = fixtures.receiver

PHONE = "+6281298765432"
STRANGER = "+62 813-5550-1234"
NAME = "Ayu Kartika Sari"
DIGITS = ("6281298765432", "81298765432", "1298765432", "6281355501234", "813-5550-1234", NAME)
"""The number in the ways in which it is written, and what else tells whose it is."""
E = EventType


def key() -> str:
    return os.urandom(32).hex()


@contextmanager
def running(tmp_path: Path, url: str, receiver: Receiver, **environ: str) -> Iterator[LocalFunctions]:
    functions = LocalFunctions(tmp_path, DATABASE_URL=url, WEBHOOK_ALLOW_HOSTS=receiver.host, **environ)
    try:
        yield functions
    finally:
        functions.close()


def deliver(functions: LocalFunctions) -> None:
    """Every webhook that is owed."""
    http = GuardedHttp(functions.services.config.webhook_allow_hosts)
    try:
        make_deliverer(
            functions.services.config, functions.services.database, http, SystemClock()
        ).run_until_idle(timedelta(seconds=30))
    finally:
        http.close()


def walk(functions: LocalFunctions, pool: FakePool, receiver: Receiver) -> tuple[Backend, str, str]:
    """All that can bring a number into the registry; gives the link that stays and the one that ended."""
    receiver.says = f"thank you for {PHONE}".encode()
    backend = functions.workspace(webhook_url=receiver.url())
    pool.heartbeat(functions.send)
    fields = {"phone": PHONE, "expected_phone": PHONE, "reference": PHONE, "metadata": {"whatsapp": PHONE}}
    older = backend.post(
        "/api/sessions", json=fields, headers={"Idempotency-Key": f"link-{PHONE}"}
    ).get_json()["id"]
    again = backend.post(
        "/api/sessions", json=fields, headers={"Idempotency-Key": f"link-{PHONE}"}
    ).get_json()["id"]
    assert again == older
    newer = backend.create(**fields, return_url=f"https://example.com/done?of={PHONE[1:]}")["id"]
    for session_id in (older, newer):
        backend.post(f"/api/sessions/{session_id}/pairing-code", json={"phone": PHONE})
        pool.emit(session_id, E.SESSION_AUTHENTICATED, phone_number=PHONE, display_name=NAME)
        pool.emit(session_id, E.SESSION_READY, phone_number=PHONE, display_name=NAME, platform="android")
        pool.relay(functions.send)
    pool.emit("of nobody", E.SESSION_READY, generation=1, phone_number=PHONE)
    pool.relay(functions.send)
    pool.chats = [
        {
            "id": f"{PHONE[1:]}@c.us",
            "name": NAME,
            "unread_count": 1,
            "last_message_at": None,
            "is_group": False,
        },
        {
            "id": "6281355501234@c.us",
            "name": STRANGER,
            "unread_count": 0,
            "last_message_at": None,
            "is_group": False,
        },
    ]
    assert backend.post(f"/api/sessions/{newer}/sync-chats").status_code == 200
    for mistaken in (PHONE, STRANGER):  # for an id; it is in the audit log that somebody did
        assert backend.post(f"/api/sessions/{mistaken}/restart").status_code == 404
    deliver(functions)
    pool.emit(newer, E.SESSION_DISCONNECTED, reason_code="page_broken", message=f"nothing for {PHONE}")
    pool.relay(functions.send)
    return backend, newer, older


def everything_in(url: str) -> bytes:
    """All bytes of SQLite's files; every row of every table of a server."""
    if not is_postgres(url):
        path = sqlite_path(url)
        files = sorted(path.parent.glob(path.name + "*"))
        return b"".join(file.read_bytes() for file in files)
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        ).fetchall()
        dumped = [
            connection.execute(sql.SQL("SELECT row(t.*)::text FROM {} t").format(sql.Identifier(*name)))
            for name in names
        ]
        return "\n".join(row[0] for rows in dumped for row in rows).encode()


def digits_in(url: str) -> list[str]:
    kept = everything_in(url)
    return [written for written in DIGITS if written.encode() in kept]


def test_no_digit_of_a_number_lies_in_the_registry_and_everybody_reads_it_still(
    tmp_path: Path, registry_url: str, receiver: Receiver, idle_pool: FakePool
) -> None:
    with running(tmp_path, registry_url, receiver, NUMBERS_KEY=key()) as functions:
        backend, newer, older = walk(functions, idle_pool, receiver)
        assert digits_in(registry_url) == []

        ended = backend.session(older)
        assert (ended["status"], ended["reason_code"]) == ("replaced", "duplicate"), (
            "found to be the same number"
        )
        stays = backend.session(newer)
        assert (stays["phone_number"], stays["display_name"]) == (PHONE, NAME)
        assert (stays["reference"], stays["metadata"]) == (PHONE, {"whatsapp": PHONE})
        for found in ({"phone_number": PHONE}, {"reference": PHONE}, {"phone_number": "+6281298765433"}):
            listed = backend.get("/api/sessions", query_string=found).get_json()["sessions"]
            assert (newer in [one["id"] for one in listed]) == (PHONE in found.values())
        chats = backend.get(f"/api/sessions/{newer}/chats").get_json()["chats"]
        assert {(one["id"], one["name"]) for one in chats} >= {(f"{PHONE[1:]}@c.us", NAME)}

        told = [one for one in receiver.received if one.type == "session_ready"]
        assert [one.verify(backend.webhook_secret)["data"]["phone_number"] for one in told] == [PHONE, PHONE]
        events = backend.get("/api/events").get_json()["events"]
        assert PHONE in [one["data"].get("phone_number") for one in events if one["type"] == "session_ready"]
        (sent,) = backend.get("/api/deliveries?type=session_replaced").get_json()["deliveries"]
        shown = backend.get(f"/api/deliveries/{sent['id']}").get_json()
        assert PHONE in shown["attempt_log"][0]["answer"]
        story = backend.get(f"/api/sessions/{newer}/timeline").get_json()["steps"]
        assert "number" in [step["what"] for step in story]


def test_without_a_key_the_same_walk_leaves_them_readable(
    tmp_path: Path, registry_url: str, receiver: Receiver, idle_pool: FakePool
) -> None:
    with running(tmp_path, registry_url, receiver) as functions:
        walk(functions, idle_pool, receiver)
        assert digits_in(registry_url) == list(DIGITS)


# ── the command ──────────────────────────────────────────────────────────────


def run(url: str, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """The command line in this process: exit code, output, errors."""
    output, errors, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
        for name, value in {"DATABASE_URL": url, **environ}.items():
            patch.setenv(name, value)
        try:
            main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, output.getvalue(), errors.getvalue()


def command(url: str, *arguments: str, **environ: str) -> dict[str, int]:
    code, output, errors = run(url, "numbers", *arguments, "--json", **environ)
    assert code == 0, errors
    return {row["table"]: row["rows"] for row in json.loads(output)}


def refused(url: str, *arguments: str, **environ: str) -> str:
    code, output, errors = run(url, *arguments, **environ)
    assert (code, output) == (2, "")
    assert len(errors.splitlines()) == 1, "a sentence and no traceback"
    return errors


def assert_known(functions: LocalFunctions, backend: Backend, session_id: str) -> None:
    """Its number is read, found by a filter and found to be linked already."""
    again = Backend(functions, backend.api_key, backend.workspace_id, backend.webhook_secret)
    assert again.session(session_id)["phone_number"] == PHONE
    listed = again.get("/api/sessions", query_string={"phone_number": PHONE}).get_json()["sessions"]
    assert [one["id"] for one in listed] == [session_id]
    newest = functions.services.registry.sessions
    assert [one.id for one in newest.linked_to(backend.workspace_id, PHONE, without="")] == [session_id]


def test_numbers_that_lie_there_are_sealed_sealed_anew_and_opened_again(
    tmp_path: Path, registry_url: str, receiver: Receiver, idle_pool: FakePool
) -> None:
    first, second = key(), key()
    with running(tmp_path, registry_url, receiver) as functions:
        backend, linked, _ = walk(functions, idle_pool, receiver)

    with running(tmp_path, registry_url, receiver, NUMBERS_KEY=first) as functions:
        assert_known(functions, backend, linked)  # plain rows, by a process that seals
    assert all(command(registry_url, "seal", "--dry-run", NUMBERS_KEY=first).values())
    assert digits_in(registry_url) == list(DIGITS)
    sealed = command(registry_url, "seal", NUMBERS_KEY=first)
    assert all(sealed.values()), sealed
    assert digits_in(registry_url) == []
    assert set(command(registry_url, "seal", NUMBERS_KEY=first).values()) == {0}
    with running(tmp_path, registry_url, receiver, NUMBERS_KEY=first) as functions:
        assert_known(functions, backend, linked)

    both = {"NUMBERS_KEY": second, "NUMBERS_KEY_OLD": first}
    with running(tmp_path, registry_url, receiver, **both) as functions:
        assert_known(functions, backend, linked)
    assert command(registry_url, "seal", **both) == sealed
    with running(tmp_path, registry_url, receiver, NUMBERS_KEY=second) as functions:
        assert_known(functions, backend, linked)

    assert "rename it to NUMBERS_KEY_OLD" in refused(registry_url, "numbers", "open", NUMBERS_KEY=second)
    with running(tmp_path, registry_url, receiver, NUMBERS_KEY_OLD=second) as functions:
        assert_known(functions, backend, linked)
    assert command(registry_url, "open", NUMBERS_KEY_OLD=second) == sealed
    assert digits_in(registry_url) == list(DIGITS)
    with running(tmp_path, registry_url, receiver) as functions:
        assert_known(functions, backend, linked)


def test_without_the_key_or_with_another_nothing_starts_and_the_sentence_names_the_one_that_is_missing(
    tmp_path: Path, registry_url: str, receiver: Receiver, idle_pool: FakePool
) -> None:
    right = key()
    with running(tmp_path, registry_url, receiver, NUMBERS_KEY=right) as functions:
        walk(functions, idle_pool, receiver)
        (key_id,) = known_keys(functions.services.database)
    for wrong in ({}, {"NUMBERS_KEY": key()}, {"NUMBERS_KEY_OLD": key()}):
        with pytest.raises(ConfigError, match=f"sealed with key {key_id}") as said:
            LocalFunctions(tmp_path, DATABASE_URL=registry_url, **wrong)
        assert "NUMBERS_KEY" in said.value.problems[0]
        assert f"sealed with key {key_id}" in refused(registry_url, "sessions", "list", **wrong)
    assert "NUMBERS_KEY is not base64" in refused(registry_url, "sessions", "list", NUMBERS_KEY="x!")


def test_a_deliverer_without_the_key_ends_with_the_sentence(tmp_path: Path) -> None:
    LocalFunctions(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/registry.db", NUMBERS_KEY=key()).close()
    environ = environment(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/registry.db")
    done = subprocess.run(
        [sys.executable, "-m", "functions.deliver"],
        env={"PATH": os.environ["PATH"], **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot start:\n  - NUMBERS_KEY is missing, and numbers of the registry are sealed" in done.stderr
    assert "Traceback" not in done.stderr


def test_numbers_are_sealed_while_others_work_on_them(
    tmp_path: Path, registry_url: str, receiver: Receiver, idle_pool: FakePool
) -> None:
    first, second = key(), key()
    with running(tmp_path, registry_url, receiver, NUMBERS_KEY=first) as functions:
        backend, linked, _ = walk(functions, idle_pool, receiver)
    both = {"NUMBERS_KEY": second, "NUMBERS_KEY_OLD": first}
    stop = threading.Event()
    with running(tmp_path, registry_url, receiver, **both) as functions:
        registry = functions.services.registry

        def work() -> int:
            changes = 0
            while not stop.is_set():
                changes += 1
                registry.remember_phone(linked, f"+62812000{changes:05}")
            return changes

        with ThreadPoolExecutor(1) as worker:
            working = worker.submit(work)
            command(registry_url, "seal", **both)
            stop.set()
            changes = working.result()
        assert registry.sessions.get(linked).requested_phone == f"+62812000{changes:05}"
    with running(tmp_path, registry_url, receiver, NUMBERS_KEY=second) as functions:
        assert_known(functions, backend, linked)


def test_a_process_that_ran_without_the_key_hands_on_nothing_that_is_sealed(
    tmp_path: Path, registry_url: str, receiver: Receiver, idle_pool: FakePool
) -> None:
    with running(tmp_path, registry_url, receiver) as before:
        with running(tmp_path, registry_url, receiver, NUMBERS_KEY=key()) as functions:
            backend, linked, _ = walk(functions, idle_pool, receiver)
        left_behind = Backend(before, backend.api_key, backend.workspace_id, backend.webhook_secret)
        for path in (f"/api/sessions/{linked}", "/api/sessions", "/api/deliveries", "/api/events"):
            answer = left_behind.get(path)
            assert (answer.status_code, answer.get_json()["code"]) == (503, "registry_busy")
            assert "which this process was not given" in answer.get_json()["detail"]


def test_a_registry_takes_its_sealed_numbers_to_another_database(
    tmp_path: Path, postgres_url: str, receiver: Receiver, idle_pool: FakePool
) -> None:
    source, same = f"sqlite:///{tmp_path}/registry.db", {"NUMBERS_KEY": key()}
    with running(tmp_path, source, receiver, **same) as functions:
        backend, linked, _ = walk(functions, idle_pool, receiver)
    code, _, errors = run(source, "registry", "copy", "--to", postgres_url)
    assert code == 0, errors
    assert digits_in(postgres_url) == []
    with running(tmp_path, postgres_url, receiver, **same) as functions:
        assert_known(functions, backend, linked)
