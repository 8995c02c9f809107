"""Fixtures for tests of webhooks: functions whose webhooks may go to a receiver here, and a deliverer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from functions.deliver import Deliverer
from functions.guarded_http import GuardedHttp
from functions.webhook_sender import WebhookSender
from storage.clock import SystemClock
from storage.retention import Retention
from tests.fakes.databases import rows
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.receiver import Receiver

StartDeliverer = Callable[[], Deliverer]


@pytest.fixture
def functions(tmp_path: Path, receiver: Receiver) -> Iterator[LocalFunctions]:
    local = LocalFunctions(tmp_path, WEBHOOK_ALLOW_HOSTS=receiver.host)
    yield local
    local.close()


@pytest.fixture
def backend(functions: LocalFunctions, receiver: Receiver) -> Backend:
    return functions.workspace(webhook_url=receiver.url())


@pytest.fixture
def pool(idle_pool: FakePool, functions: LocalFunctions) -> FakePool:
    idle_pool.heartbeat(functions.send)
    return idle_pool


@pytest.fixture
def deliver(functions: LocalFunctions, receiver: Receiver) -> Iterator[StartDeliverer]:
    """Starts a deliverer in a thread, and stops it."""
    with ExitStack() as running:

        def start() -> Deliverer:
            http = GuardedHttp(frozenset({receiver.host}), timeout=30)
            running.callback(http.close)
            clock = SystemClock()
            deliverer = Deliverer(
                database=functions.services.database,
                deliveries=functions.services.deliveries,
                sender=WebhookSender(http, clock),
                retention=Retention(functions.services.database, clock, timedelta(days=30)),
                clock=clock,
            )
            thread = threading.Thread(target=deliverer.run, name="deliverer")
            thread.start()
            running.callback(thread.join)
            running.callback(deliverer.stop)
            return deliverer

        yield start


def log_of(backend: Backend) -> list[dict[str, object]]:
    deliveries: list[dict[str, object]] = backend.get("/api/deliveries?limit=200").get_json()["deliveries"]
    return list(reversed(deliveries))


def make_due(functions: LocalFunctions) -> None:
    """Let the time until the next attempts pass, and that of an open circuit."""
    database, past = functions.services.database, "2000-01-01T00:00:00.000Z"
    with database.transaction():
        rows(database, "UPDATE endpoints SET open_until = :past WHERE open_until IS NOT NULL", past=past)
        rows(database, "UPDATE deliveries SET next_attempt_at = :past WHERE status = 'pending'", past=past)
