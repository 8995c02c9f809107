"""What the functions may rely on when they call a node. Every node passes this: the fake one, and the real.

A further node is a class with `url`, `secret`, `start()` and `stop()` in `NODES`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

import pytest
import requests

from functions.pool_client import PoolClient
from storage.errors import PoolRefused, PoolUnreachable
from storage.events import EventType, NodeEvent
from storage.ids import new_id
from storage.node_protocol import SessionSpec
from tests.fakes.functions import POOL_SECRET
from tests.fakes.pool import FakePool
from tests.ports import free_port

PHONE = "+6281234567890"


class ControlledNode(Protocol):
    """A node that shows a QR for every unlinked session, sooner or later."""

    url: str
    secret: str

    def start(self) -> None: ...

    def stop(self) -> None: ...


class FakeNode:
    """tests.fakes.pool"""

    secret = POOL_SECRET

    def start(self) -> None:
        self._pool = FakePool(self.secret)
        self._pool.__enter__()
        self.url = self._pool.url

    def stop(self) -> None:
        self._pool.__exit__()


NODES: list[type[ControlledNode]] = [FakeNode]


@pytest.fixture(scope="module", params=NODES, ids=lambda kind: kind.__name__)
def node(request: pytest.FixtureRequest) -> Iterator[ControlledNode]:
    made: ControlledNode = request.param()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(node: ControlledNode) -> Iterator[PoolClient]:
    made = PoolClient(node.secret, read_timeout=30)
    yield made
    made.close()


@pytest.fixture
def spec(node: ControlledNode, client: PoolClient) -> Iterator[SessionSpec]:
    made = SessionSpec(
        id=new_id(datetime.now(UTC)), workspace_id="w", generation=1, linked=False, fresh=False, start_seq=1
    )
    yield made
    client.erase(node.url, made.id, 1, log_out=False)


def started(client: PoolClient, node: ControlledNode, spec: SessionSpec) -> list[NodeEvent]:
    """Run, and ask again until the QR is there."""
    for _ in range(600):
        events = client.run(node.url, spec)
        if any(event.type is EventType.QR_CODE_GENERATED for event in events):
            return events
    raise AssertionError("no QR")


def test_a_start_answers_with_every_event_that_was_not_acknowledged_in_order(
    node: ControlledNode, client: PoolClient, spec: SessionSpec
) -> None:
    events = started(client, node, spec)
    assert {event.session_id for event in events} == {spec.id}
    assert {event.generation for event in events} == {1}
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    again = client.run(node.url, spec)
    assert [event.id for event in again][: len(events)] == [event.id for event in events]


def test_a_larger_start_seq_starts_over_and_the_same_one_does_not(
    node: ControlledNode, client: PoolClient, spec: SessionSpec
) -> None:
    first = started(client, node, spec)
    again = SessionSpec(**{**spec.to_wire(), "generation": 2, "start_seq": 2})
    later = started(client, node, again)
    for _ in range(600):
        if any(event.generation == 2 and event.type is EventType.QR_CODE_GENERATED for event in later):
            break
        later = client.run(node.url, again)
    assert {event.id for event in first} <= {event.id for event in later}
    assert {event.generation for event in later} == {1, 2}


def test_a_spec_of_the_past_changes_nothing(
    node: ControlledNode, client: PoolClient, spec: SessionSpec
) -> None:
    current = SessionSpec(**{**spec.to_wire(), "generation": 2, "start_seq": 2})
    started(client, node, current)
    events = client.run(node.url, spec)
    assert all(event.generation == 2 for event in events)


def test_another_generation_is_refused_an_action(
    node: ControlledNode, client: PoolClient, spec: SessionSpec
) -> None:
    started(client, node, spec)
    with pytest.raises(PoolRefused) as refused:
        client.refresh_qr(node.url, spec.id, 7)
    assert (refused.value.status, refused.value.code) == (409, "stale_generation")


def test_refreshing_brings_another_ref(node: ControlledNode, client: PoolClient, spec: SessionSpec) -> None:
    before = [event.data["ref"] for event in started(client, node, spec) if "ref" in event.data]
    events = client.refresh_qr(node.url, spec.id, 1)
    assert [event.data["ref"] for event in events if "ref" in event.data][-1] not in before


def test_a_pairing_code_is_for_the_number_that_was_asked(
    node: ControlledNode, client: PoolClient, spec: SessionSpec
) -> None:
    started(client, node, spec)
    events = client.pairing_code(node.url, spec.id, 1, PHONE)
    (code,) = [event for event in events if event.type is EventType.PAIRING_CODE_GENERATED]
    assert code.data["phone_number"] == PHONE
    assert len(code.data["code"].replace("-", "")) == 8


@pytest.mark.parametrize("action", ["qr", "pairing-code", "logout", "hibernate", "wake", "chats"])
def test_a_session_that_does_not_run_here_is_refused(
    node: ControlledNode, client: PoolClient, action: str
) -> None:
    calls = {
        "qr": lambda: client.refresh_qr(node.url, "01JD3Z0V5M8Q4T2X9Y7W6R1K0B", 1),
        "pairing-code": lambda: client.pairing_code(node.url, "01JD3Z0V5M8Q4T2X9Y7W6R1K0B", 1, PHONE),
        "logout": lambda: client.log_out(node.url, "01JD3Z0V5M8Q4T2X9Y7W6R1K0B", 1),
        "hibernate": lambda: client.hibernate(node.url, "01JD3Z0V5M8Q4T2X9Y7W6R1K0B", 1),
        "wake": lambda: client.wake(node.url, "01JD3Z0V5M8Q4T2X9Y7W6R1K0B", 1),
        "chats": lambda: client.chats(node.url, "01JD3Z0V5M8Q4T2X9Y7W6R1K0B", 1),
    }
    with pytest.raises(PoolRefused) as refused:
        calls[action]()
    assert (refused.value.status, refused.value.code) == (404, "not_running")


def test_erasing_what_is_not_there_is_done(node: ControlledNode, client: PoolClient) -> None:
    assert client.erase(node.url, new_id(datetime.now(UTC)), 1, log_out=True) == []


def test_without_the_secret_nothing_is_done(node: ControlledNode) -> None:
    stranger = PoolClient("another secret")
    with pytest.raises(PoolRefused) as refused:
        stranger.erase(node.url, "x", 1, log_out=True)
    assert (refused.value.status, refused.value.code) == (401, "unauthorized")
    assert requests.get(f"{node.url}/sessions", timeout=5).status_code in {401, 501}
    stranger.close()


def test_a_node_that_is_not_there_is_unreachable_within_a_second() -> None:
    client = PoolClient(POOL_SECRET)
    with pytest.raises(PoolUnreachable):
        client.erase(f"http://127.0.0.1:{free_port()}", "x", 1, log_out=True)
    client.close()
