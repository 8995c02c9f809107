"""Deliveries: webhooks owed to workspaces, until they are delivered or dead.

Rule: a delivery belongs to whoever holds its claim, until the claim ends. Only the oldest pending delivery
of a session and endpoint can be claimed, so a workspace hears of a session in order.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.attempts import Attempt, Attempts, Tried
from storage.circuit import FAILURES_TO_OPEN
from storage.clock import Clock, to_wire
from storage.database import Database
from storage.delivery import Delivery, DeliveryStatus, new_delivery_id
from storage.endpoints import Endpoints
from storage.errors import NotFound
from storage.events import EventType, NodeEvent
from storage.public_events import public_data
from storage.sessions import Session

QUICK_TURNS = 4
"""Deliveries under way to an endpoint that answers fast. Of 32 senders, eight such endpoints would have to
stop answering within the same ten seconds to hold up the rest."""

SLOW_TURNS = 2
"""To one that is slow, failing, or new: a second session need not wait for the first, and no more is lost."""

GONE = "the receiver answered 410 Gone"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Deliveries that one deliverer may send now, and the word that settles them."""

    token: str
    deliveries: list[Delivery]


class Deliveries:
    """The deliveries of the registry."""

    def __init__(self, database: Database, clock: Clock, on_owed: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._clock = clock
        self._on_owed = on_owed
        self._endpoints = Endpoints(database, clock)
        self._attempts = Attempts(database)

    def owe(self, session: Session, event: NodeEvent) -> int:
        """Owe a public event to all who hear of it; inside the transaction that applied it."""
        endpoints = self._database.all(
            "endpoints_of_session",
            workspace_id=session.workspace_id,
            session_id=session.id,
            type=event.type.value,
        )
        if not endpoints:
            return 0
        self._on_owed()
        now = self._clock.now()
        data = json.dumps(public_data(session, event), separators=(",", ":"), ensure_ascii=False)
        for endpoint in endpoints:
            self._database.run(
                "insert_delivery",
                id=new_delivery_id(now),
                endpoint_id=endpoint["id"],
                workspace_id=session.workspace_id,
                session_id=session.id,
                event_id=event.id,
                type=event.type.value,
                occurred_at=to_wire(event.occurred_at),
                data=data,
                now=to_wire(now),
            )
        return len(endpoints)

    # ── sending ──────────────────────────────────────────────────────────────

    def claim_due(self, limit: int, claim_for: timedelta, slow_limit: int | None = None) -> Claim:
        """Take up to `limit` due deliveries, of slow endpoints up to `slow_limit`.

        Whatever is not settled in time may be claimed again. Asking takes no lock, so that a deliverer with
        nothing to do is in nobody's way.
        """
        now = to_wire(self._clock.now())
        candidates = self._database.all(
            "claimable_deliveries",
            now=now,
            limit=limit,
            slow_limit=limit if slow_limit is None else slow_limit,
            quick_turns=QUICK_TURNS,
            slow_turns=SLOW_TURNS,
            failures_to_open=FAILURES_TO_OPEN,
        )
        token = secrets.token_hex(8)
        if not candidates:
            return Claim(token=token, deliveries=[])
        claimed_until = to_wire(self._clock.now() + claim_for)
        claimed: list[Delivery] = []
        with self._database.transaction():
            for position in (candidate["position"] for candidate in candidates):
                taken = self._database.run(
                    "claim_delivery", position=position, claim=token, claimed_until=claimed_until, now=now
                )
                if taken:
                    row = self._database.one("claimed_delivery", position=position, now=now)
                    assert row is not None
                    claimed.append(Delivery.from_row(row))
        return Claim(token=token, deliveries=claimed)

    def delivered(self, delivery: Delivery, token: str, tried: Tried) -> bool:
        """The receiver has it. False when the claim had ended meanwhile."""
        return self._settle(delivery, token, DeliveryStatus.DELIVERED, tried)

    def failed(
        self,
        delivery: Delivery,
        token: str,
        tried: Tried,
        *,
        next_attempt_at: datetime | None,
        retry_after: timedelta | None = None,
    ) -> bool:
        """An attempt failed; without a next one the delivery is dead. False when the claim had ended."""
        status = DeliveryStatus.DEAD if next_attempt_at is None else DeliveryStatus.PENDING
        return self._settle(
            delivery, token, status, tried, next_attempt_at=next_attempt_at, retry_after=retry_after
        )

    def gone(self, delivery: Delivery, token: str, tried: Tried) -> bool:
        """The receiver wants nothing more: owe its endpoint nothing more. False when the claim had ended."""
        with self._database.transaction():
            self._endpoints.hold(delivery.endpoint_id)
            settled = self._settle(delivery, token, DeliveryStatus.DEAD, tried)
            self._endpoints.disable(delivery.endpoint_id, GONE)
        return settled

    def _settle(
        self,
        delivery: Delivery,
        token: str,
        status: DeliveryStatus,
        tried: Tried,
        *,
        next_attempt_at: datetime | None = None,
        retry_after: timedelta | None = None,
    ) -> bool:
        with self._database.transaction():
            self._endpoints.hold(delivery.endpoint_id)
            self._database.one("hold_delivery", id=delivery.id)
            settled = self._database.run(
                "settle_delivery",
                id=delivery.id,
                claim=token,
                status=status.value,
                status_code=tried.status_code,
                error=tried.error,
                next_attempt_at=None if next_attempt_at is None else to_wire(next_attempt_at),
                now=to_wire(self._clock.now()),
            )
            if settled:
                self._attempts.record(delivery.id, tried)
            self._endpoints.judge(delivery.endpoint_id, tried, retry_after)
        return settled == 1

    # ── the log ──────────────────────────────────────────────────────────────

    def hold(self, session_id: str) -> None:
        """Nobody settles a delivery of this session until the transaction ends."""
        self._database.one("hold_deliveries_of_session", session_id=session_id)

    def empty(self, session_id: str) -> None:
        """Keep nothing of a deleted session's account; inside the transaction that deletes it."""
        self._database.run("empty_deliveries_of_session", session_id=session_id)
        self._attempts.empty(session_id)

    def page(
        self,
        workspace_id: str,
        *,
        session_id: str | None = None,
        endpoint_id: str | None = None,
        type_: EventType | None = None,
        status: DeliveryStatus | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Delivery]:
        """One page of a workspace's webhook log, newest first; `before` is the id of a delivery.

        Not its position: positions are counted for all workspaces together.
        """
        rows = self._database.all(
            "deliveries_of_workspace",
            workspace_id=workspace_id,
            session_id=session_id,
            endpoint_id=endpoint_id,
            type=None if type_ is None else type_.value,
            status=None if status is None else status.value,
            before=before,
            limit=limit,
        )
        return [Delivery.from_row(row) for row in rows]

    def workspace_of(self, delivery_id: str) -> str | None:
        """Whose it is."""
        row = self._database.one("workspace_of_delivery", id=delivery_id)
        return None if row is None else str(row["workspace_id"])

    def show(self, workspace_id: str, delivery_id: str) -> tuple[Delivery, list[Attempt]]:
        """One delivery with its attempts. Raises NotFound."""
        row = self._database.one("delivery_of_workspace", id=delivery_id, workspace_id=workspace_id)
        if row is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        return Delivery.from_row(row), self._attempts.of(delivery_id)
