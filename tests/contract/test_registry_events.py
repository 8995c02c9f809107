"""What the registry does with the events of nodes, on a real database."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from storage.clock import ManualClock, to_wire
from storage.database import PLAIN, is_postgres, open_database
from storage.deliveries import Deliveries
from storage.errors import BadMessage
from storage.event_log import Outcome
from storage.events import EventType, NodeEvent
from storage.ids import new_id
from storage.models import SessionStatus, Wanted
from storage.node_protocol import Heartbeat
from storage.nodes import Nodes
from storage.number_keys import NumberKeys
from storage.registry import Registry
from storage.sessions import Session
from storage.workspaces import Workspaces
from tests.fakes.databases import rows

E = EventType
PHONE = "+6281234567890"


class World:
    """A registry with one workspace, which hears of everything, and one node."""

    def __init__(self, url: str, keys: NumberKeys = PLAIN) -> None:
        self.url = url
        self.clock = ManualClock()
        self.database = open_database(url, keys=keys)
        self.database.migrate()
        self.deliveries = Deliveries(self.database, self.clock)
        self.registry = Registry(self.database, self.clock, self.deliveries)
        self.workspaces = Workspaces(self.database, self.clock)
        self.workspace = self.workspaces.create("Toko", "https://example.com/hooks").workspace
        self.seq = 0
        for node_id in ("node-1", "node-2"):
            Nodes(self.database, self.clock).report(heartbeat(node_id))

    def session(self, **fields: Any) -> Session:
        now = self.clock.now()
        made = Session(
            id=new_id(now),
            workspace_id=self.workspace.id,
            created_at=now,
            last_activity_at=now,
            **{"wanted": Wanted.OPEN, "generation": 1, "start_seq": 1, "node_id": "node-1"} | fields,
        )
        return self.registry.create(made)[0]

    def event(self, session: Session, type_: EventType, **data: Any) -> NodeEvent:
        self.seq += 1
        now = self.clock.now()
        return NodeEvent(
            id=new_id(now),
            session_id=session.id,
            generation=self.registry.sessions.get(session.id).generation,
            seq=self.seq,
            type=type_,
            occurred_at=now,
            data=data,
        )

    def tell(self, session: Session, type_: EventType, **data: Any) -> Outcome:
        return self.registry.apply("node-1", self.event(session, type_, **data))

    def linked(self, phone_number: str = PHONE) -> Session:
        made = self.session()
        assert self.tell(made, E.SESSION_READY, phone_number=phone_number) is Outcome.APPLIED
        self.clock.advance(timedelta(seconds=1))
        return self.now(made)

    def now(self, session: Session) -> Session:
        return self.registry.sessions.get(session.id)

    def owed(self) -> list[tuple[str, dict[str, Any]]]:
        page = self.deliveries.page(self.workspace.id, limit=200)
        return [(delivery.type, dict(delivery.data)) for delivery in reversed(page)]

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """What a statement of a test's own finds."""
        return rows(self.database, statement)

    @property
    def as_written(self) -> str:
        """Orders rows that were only inserted."""
        return "ctid" if is_postgres(self.url) else "rowid"

    def recorded(self) -> list[tuple[str, str]]:
        rows = self.rows(f"SELECT type, outcome FROM events ORDER BY {self.as_written}")  # noqa: S608
        return [(row["type"], row["outcome"]) for row in rows]


def heartbeat(node_id: str) -> Heartbeat:
    return Heartbeat(
        node_id=node_id,
        url=f"http://{node_id}:8100",
        region=None,
        capacity=5,
        live=0,
        warm=0,
        queued=0,
        draining=False,
        sessions=[],
        profiles=[],
    )


@pytest.fixture
def world(registry_url: str) -> Iterator[World]:
    made = World(registry_url)
    yield made
    made.database.close()


def test_an_event_is_applied_once_however_often_it_comes(world: World) -> None:
    session = world.session()
    event = world.event(session, E.SESSION_READY, phone_number=PHONE)
    assert [world.registry.apply("node-1", event) for _ in range(3)] == [
        Outcome.APPLIED,
        Outcome.DUPLICATE,
        Outcome.DUPLICATE,
    ]
    assert world.now(session).version == session.version + 1
    assert len(world.owed()) == 1


def test_ready_brings_state_number_primary_flag_and_webhook_together(world: World) -> None:
    session = world.session(reference="customer-7")
    world.tell(session, E.SESSION_READY, phone_number=PHONE, display_name="Ayu", phone_extraction_ms=88)
    ready = world.now(session)
    assert (ready.status, ready.phone_number, ready.is_primary) == (SessionStatus.CONNECTED, PHONE, True)
    assert (ready.node_url, ready.node_index, ready.connected_at) == (
        "http://node-1:8100",
        0,
        world.clock.now(),
    )
    assert world.owed() == [
        (
            "session_ready",
            {
                "session_id": session.id,
                "workspace_id": world.workspace.id,
                "reference": "customer-7",
                "status": "connected",
                "version": 2,
                "phone_number": PHONE,
                "display_name": "Ayu",
                "platform": None,
                "is_primary": True,
            },
        )
    ]


def test_an_event_that_comes_after_a_later_one_is_recorded_and_changes_nothing(world: World) -> None:
    session = world.linked()
    early = world.event(session, E.SESSION_DISCONNECTED)
    late = world.event(session, E.SESSION_LOGGED_OUT)
    assert world.registry.apply("node-1", late) is Outcome.APPLIED
    assert world.registry.apply("node-1", early) is Outcome.STALE
    assert world.now(session).status is SessionStatus.LOGGED_OUT


def test_an_event_that_did_not_fit_still_counts_for_the_order(world: World) -> None:
    session = world.linked()
    early = world.event(session, E.SESSION_DISCONNECTED)
    unfitting = world.event(session, E.SESSION_QUEUED, position=1)
    assert world.registry.apply("node-1", unfitting) is Outcome.DOES_NOT_FIT
    assert world.now(session).version == session.version
    assert world.registry.apply("node-1", early) is Outcome.STALE


def test_a_former_owner_changes_nothing(world: World) -> None:
    session = world.session(node_id=None)
    world.registry.placements.place(session.id, "node-2")
    assert world.tell(session, E.SESSION_FAILED) is Outcome.STALE_GENERATION
    assert world.now(session).status is SessionStatus.CREATED


def test_what_the_run_before_a_restart_still_says_changes_nothing(world: World) -> None:
    session = world.session()
    leftover = world.event(session, E.SESSION_FAILED, reason_code="browser_crash")
    world.registry.request_restart(session.id, "node-1", None)
    assert world.registry.apply("node-1", leftover) is Outcome.STALE_GENERATION
    assert world.now(session).status is SessionStatus.CREATED


def test_an_event_of_an_unknown_session_is_recorded_and_acknowledged(world: World) -> None:
    session = world.session()
    event = world.event(session, E.SESSION_FAILED)
    stray = NodeEvent(**{**vars(event), "session_id": new_id(world.clock.now())})
    assert world.registry.apply("node-1", stray) is Outcome.UNKNOWN_SESSION
    assert world.recorded() == [("session_failed", "unknown_session")]


def test_a_malformed_event_leaves_no_trace(world: World) -> None:
    session = world.session()
    with pytest.raises(BadMessage, match="phone_number"):
        world.tell(session, E.SESSION_READY, phone_number="not a number")
    assert world.recorded() == []
    assert world.now(session) == session


def test_the_history_holds_neither_refs_nor_codes(world: World) -> None:
    session = world.session()
    soon = to_wire(world.clock.now() + timedelta(minutes=1))
    world.tell(session, E.QR_CODE_GENERATED, ref="2@secret", expires_at=soon)
    world.tell(session, E.PAIRING_CODE_GENERATED, code="ABCD-EFGH", phone_number=PHONE, expires_at=soon)
    data = [row["data"] for row in world.rows("SELECT data FROM events")]
    assert not any("secret" in text or "ABCD" in text for text in data)


def test_internal_events_are_not_told_to_the_workspace(world: World) -> None:
    session = world.session()
    world.tell(session, E.SESSION_QUEUED, position=1, estimated_wait_ms=100)
    world.tell(session, E.SESSION_STARTING, phase="loading")
    world.tell(session, E.SESSION_PROGRESSED, phase="waiting_for_qr")
    assert world.owed() == []
    assert world.now(session).phase == "waiting_for_qr"


def test_a_workspace_and_a_session_with_the_same_address_are_told_once(world: World) -> None:
    session = world.session()
    world.workspaces.add_endpoint(world.workspace.id, "https://example.com/hooks", session.id)
    world.tell(session, E.SESSION_AUTHENTICATED)
    assert len(world.owed()) == 1


def test_both_addresses_are_told(world: World) -> None:
    session = world.session()
    world.workspaces.add_endpoint(world.workspace.id, "https://example.com/only-this", session.id)
    world.tell(session, E.SESSION_AUTHENTICATED)
    assert len(world.owed()) == 2


def test_the_first_linked_account_is_primary_and_the_oldest_follows(world: World) -> None:
    first, second, third = world.linked(), world.linked("+6281234567891"), world.linked("+6281234567892")
    assert [world.now(one).is_primary for one in (first, second, third)] == [True, False, False]
    world.tell(first, E.SESSION_LOGGED_OUT)
    assert [world.now(one).is_primary for one in (first, second, third)] == [False, True, False]
    assert world.now(second).version == second.version + 1
    world.registry.request_delete(second.id)
    assert [world.now(one).is_primary for one in (first, second, third)] == [False, False, True]


def test_losing_the_socket_does_not_cost_the_primary_flag(world: World) -> None:
    first, second = world.linked(), world.linked("+6281234567891")
    world.tell(first, E.SESSION_DISCONNECTED)
    assert (world.now(first).is_primary, world.now(second).is_primary) == (True, False)


def test_primary_can_be_given_to_another(world: World) -> None:
    first, second = world.linked(), world.linked("+6281234567891")
    world.registry.make_primary(second.id)
    assert (world.now(first).is_primary, world.now(second).is_primary) == (False, True)


def test_a_deleted_session_keeps_no_data_of_the_account(world: World) -> None:
    session = world.linked()
    world.registry.request_delete(session.id)
    assert PHONE not in repr(world.now(session))
    rows = world.rows("SELECT data FROM events")
    assert {row["data"] for row in rows} == {"{}"}


def test_every_change_is_logged_with_both_names(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "storage")
    session = world.linked()
    moved = [record for record in caplog.records if record.getMessage() == "session_moved"]
    assert [(record.__dict__["from"], record.__dict__["to"]) for record in moved] == [
        ("created", "connected")
    ]
    assert moved[0].__dict__["session_id"] == session.id
    assert PHONE not in caplog.text
