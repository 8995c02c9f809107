"""Deliveries: webhooks owed to workspaces, until they are delivered or dead.

Rule: a delivery belongs to whoever holds its claim, until the claim ends. Only the oldest pending delivery
of a session and endpoint can be claimed, so a workspace hears of a session in order.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.errors import Conflict, NotFound
from storage.events import NodeEvent
from storage.ids import new_id
from storage.public_events import public_data
from storage.sessions import Session


class DeliveryStatus(StrEnum):
    """Where a delivery stands. Wire names; never rename."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One webhook owed to one endpoint."""

    position: int
    id: str
    """The webhook-id, the same over all attempts."""
    endpoint_id: str
    endpoint_url: str
    webhook_secret: str | None
    """Only in a claimed delivery: nobody but the sender needs it."""
    workspace_id: str
    session_id: str
    event_id: str
    type: str
    occurred_at: datetime
    data: Mapping[str, Any]
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    last_status_code: int | None
    last_error: str | None
    delivered_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Delivery:
        values = {name: row[name] for name in cls.__annotations__}
        for name in ("occurred_at", "created_at", "next_attempt_at", "last_attempt_at", "delivered_at"):
            values[name] = None if values[name] is None else from_wire(values[name])
        values["data"] = json.loads(values["data"])
        values["status"] = DeliveryStatus(values["status"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Deliveries that one deliverer may send now, and the word that settles them."""

    token: str
    deliveries: list[Delivery]


class Deliveries:
    """The deliveries of the registry."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def owe(self, session: Session, event: NodeEvent) -> int:
        """Owe a public event to all who hear of this session; inside the transaction that applied it."""
        endpoints = self._database.all(
            "endpoints_of_session", workspace_id=session.workspace_id, session_id=session.id
        )
        if not endpoints:
            return 0
        now = self._clock.now()
        data = json.dumps(public_data(session, event), separators=(",", ":"), ensure_ascii=False)
        for endpoint in endpoints:
            self._database.run(
                "insert_delivery",
                id=f"msg_{new_id(now)}",
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

    def claim_due(self, limit: int, claim_for: timedelta) -> Claim:
        """Take up to `limit` due deliveries; whatever is not settled in time may be claimed again."""
        now = self._clock.now()
        token = secrets.token_hex(8)
        with self._database.transaction():
            taken = self._database.run(
                "claim_deliveries",
                claim=token,
                claimed_until=to_wire(now + claim_for),
                now=to_wire(now),
                limit=limit,
            )
            rows = self._database.all("claimed_deliveries", claim=token) if taken else []
        return Claim(token=token, deliveries=[Delivery.from_row(row) for row in rows])

    def next_attempt_at(self) -> datetime | None:
        """When something can be claimed next; None when nothing is owed."""
        row = self._database.one("next_delivery_at")
        return None if row is None or row["at"] is None else from_wire(row["at"])

    def delivered(self, delivery: Delivery, token: str, status_code: int) -> bool:
        """The receiver has it. False when the claim had ended meanwhile."""
        return self._settle(delivery, token, DeliveryStatus.DELIVERED, status_code=status_code)

    def failed(
        self,
        delivery: Delivery,
        token: str,
        *,
        error: str,
        status_code: int | None,
        next_attempt_at: datetime | None,
    ) -> bool:
        """An attempt failed; without a next one the delivery is dead. False when the claim had ended."""
        status = DeliveryStatus.DEAD if next_attempt_at is None else DeliveryStatus.PENDING
        return self._settle(
            delivery, token, status, status_code=status_code, error=error, next_attempt_at=next_attempt_at
        )

    def _settle(
        self,
        delivery: Delivery,
        token: str,
        status: DeliveryStatus,
        *,
        status_code: int | None,
        error: str | None = None,
        next_attempt_at: datetime | None = None,
    ) -> bool:
        with self._database.transaction():
            settled = self._database.run(
                "settle_delivery",
                id=delivery.id,
                claim=token,
                status=status.value,
                status_code=status_code,
                error=error,
                next_attempt_at=None if next_attempt_at is None else to_wire(next_attempt_at),
                now=to_wire(self._clock.now()),
            )
        return settled == 1

    def disable_endpoint(self, endpoint_id: str, reason: str) -> None:
        """The receiver is gone: owe it nothing more."""
        with self._database.transaction():
            self._database.run(
                "disable_endpoint", id=endpoint_id, reason=reason, now=to_wire(self._clock.now())
            )
            self._database.run("bury_deliveries_of_endpoint", endpoint_id=endpoint_id, reason=reason)

    def empty(self, session_id: str) -> None:
        """Keep nothing of a deleted session's account; inside the transaction that deletes it."""
        self._database.run("empty_deliveries_of_session", session_id=session_id)

    def page(
        self,
        workspace_id: str,
        *,
        session_id: str | None = None,
        status: DeliveryStatus | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Delivery]:
        """One page of a workspace's webhook log, newest first."""
        rows = self._database.all(
            "deliveries_of_workspace",
            workspace_id=workspace_id,
            session_id=session_id,
            status=None if status is None else status.value,
            before=before,
            limit=limit,
        )
        return [Delivery.from_row(row) for row in rows]

    def retry(self, workspace_id: str, delivery_id: str) -> Delivery:
        """Owe a delivery again, now, with all its attempts. Raises NotFound, Conflict."""
        with self._database.transaction():
            row = self._database.one("delivery_of_workspace", id=delivery_id, workspace_id=workspace_id)
            if row is None:
                raise NotFound(f"there is no delivery {delivery_id}")
            if row["endpoint_disabled_at"] is not None:
                raise Conflict(
                    f"the endpoint of delivery {delivery_id} answered 410 Gone and is switched off; "
                    "have the operator enable it, then retry",
                    code="endpoint_disabled",
                )
            if row["data"] == "{}":
                raise Conflict(
                    f"the session of delivery {delivery_id} was deleted, and what it said with it",
                    code="session_deleted",
                )
            if not self._database.run("retry_delivery", id=delivery_id, now=to_wire(self._clock.now())):
                raise Conflict(f"delivery {delivery_id} is being sent right now", code="delivery_in_flight")
            row = self._database.one("delivery_of_workspace", id=delivery_id, workspace_id=workspace_id)
            assert row is not None
            return Delivery.from_row(row)
