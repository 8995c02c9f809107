"""The hosted page over a real registry and a clock that stands still, for the tests of the page."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from functions.app import make_app, make_services
from functions.config import FunctionsConfig
from functions.services import Services
from functions.session_requests import NewSession
from storage.clock import Clock, ManualClock, to_wire
from storage.events import EventType, NodeEvent
from storage.ids import new_id
from storage.node_protocol import Heartbeat
from storage.registry import Outcome
from storage.sessions import Session
from tests.contract_client import use_contract_client
from tests.fakes.databases import registry_in

REF = "2@" + "Ab3dEf9hIjKlMn0pQrStUv" * 4 + "==,"
REF = (REF + ",".join(letter * 43 + "=" for letter in "xyz") + ",1").ljust(237, "w")
NODE_ID = "node-1"
NOBODY_LISTENS = "http://127.0.0.1:9"


@dataclass
class PageSite:
    """A registry with one node and one workspace, and the sessions that a test makes."""

    services: Services
    clock: Clock
    seq: int = field(default=0)
    origin: str = ""
    """Where a browser finds it, when one does."""

    def __post_init__(self) -> None:
        self.app: Flask = make_app(self.services)
        use_contract_client(self.app)
        self.client = self.app.test_client()
        self.workspace = self.services.workspaces.create("Harbour & Sons").workspace
        self.node_reports()

    def node_reports(self) -> None:
        """The node is alive; one that was silent for a while gets no more sessions."""
        self.services.nodes.report(
            Heartbeat(
                node_id=NODE_ID,
                url=NOBODY_LISTENS,
                region=None,
                capacity=500,
                live=0,
                warm=0,
                queued=0,
                draining=False,
                sessions=[],
                profiles=[],
            )
        )

    def create(self, **wanted: Any) -> Session:
        self._is_not_avoided()
        session = self.services.sessions.create(self.workspace, NewSession(**wanted)).session
        self._is_not_avoided()
        return session

    def _is_not_avoided(self) -> None:
        """Nobody answers calls there, and all the same it is given sessions."""
        self.node_reports()
        self.services.nodes.answered(NODE_ID)

    def path(self, session: Session) -> str:
        return urlsplit(self.services.links.url(session)).path

    def happens(self, session: Session, event: EventType, **data: Any) -> None:
        """The node reports a fact, and it fits."""
        self.seq += 1
        now = self.clock.now()
        outcome = self.services.registry.apply(
            NODE_ID,
            NodeEvent(
                id=new_id(now),
                session_id=session.id,
                generation=self.services.registry.sessions.get(session.id).generation,
                seq=self.seq,
                type=event,
                occurred_at=now,
                data=data,
            ),
        )
        assert outcome is Outcome.APPLIED, f"{event}: {outcome}"

    def shows_qr(self, session: Session, ref: str = REF, seconds: float = 60) -> None:
        expires_at = to_wire(self.clock.now() + timedelta(seconds=seconds))
        self.happens(session, EventType.QR_CODE_GENERATED, ref=ref, expires_at=expires_at)

    def is_linked(self, session: Session, phone_number: str | None = "+6281234567890") -> None:
        self.happens(session, EventType.SESSION_AUTHENTICATED)
        self.happens(
            session,
            EventType.SESSION_READY,
            phone_number=phone_number,
            display_name="Ayu",
            platform="android",
            phone_extraction_ms=40,
        )

    def status(self, session: Session) -> dict[str, Any]:
        answer = self.client.get(self.path(session) + "/status")
        assert answer.status_code == 200
        assert answer.json is not None
        return answer.json

    def html(self, session: Session) -> str:
        return self.client.get(self.path(session)).get_data(as_text=True)


def services_in(directory: Path, clock: Clock, public_url: str = "https://link.example.com") -> Services:
    config = FunctionsConfig.from_env(
        {
            "DATABASE_URL": registry_in(directory),
            "PUBLIC_URL": public_url,
            "POOL_SECRET": "0123456789abcdef" * 4,
            "SECRET_KEY": "fedcba9876543210" * 4,
        }
    )
    return make_services(config, clock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def site(tmp_path: Path, clock: ManualClock) -> Iterator[PageSite]:
    services = services_in(tmp_path, clock)
    yield PageSite(services, clock)
    services.close()
