"""One webhook owed to one endpoint, as the registry holds it. Only `storage.deliveries` changes one.

Rule: what nobody but its sender may see is in a delivery that was claimed, and in no other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage.clock import from_wire
from storage.ids import is_id, new_id
from storage.sealed_text import read_json

_ID_BEGINS = "msg_"


def new_delivery_id(now: datetime) -> str:
    """Sorts by when it was owed."""
    return f"{_ID_BEGINS}{new_id(now)}"


def is_delivery_id(text: str) -> bool:
    """Whether this can be the id of a delivery at all."""
    return text.startswith(_ID_BEGINS) and is_id(text.removeprefix(_ID_BEGINS))


class DeliveryStatus(StrEnum):
    """Where a delivery stands. Wire names; never rename."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What only the sender of a delivery may see."""

    secrets: tuple[str, ...] = field(repr=False)
    """Each makes a signature: the new one first, then the previous one while it is valid."""
    headers: Mapping[str, str] = field(repr=False)
    quick: bool
    """The endpoint answered fast the last time."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Sending:
        both = (row["webhook_secret"], row["webhook_secret_previous"])
        return cls(
            secrets=tuple(secret for secret in both if secret is not None),
            headers=json.loads(row["headers"]),
            quick=bool(row["quick"]),
        )


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One webhook owed to one endpoint."""

    position: int
    id: str
    """The webhook-id, the same over all attempts."""
    endpoint_id: str
    endpoint_url: str
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
    sending: Sending | None = None
    """Only in a claimed delivery: nobody but the sender needs it."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Delivery:
        values = {name: row[name] for name in cls.__annotations__ if name != "sending"}
        for name in ("occurred_at", "created_at", "next_attempt_at", "last_attempt_at", "delivered_at"):
            values[name] = None if values[name] is None else from_wire(values[name])
        values["data"] = read_json(values["data"])
        values["status"] = DeliveryStatus(values["status"])
        values["sending"] = Sending.from_row(row) if "webhook_secret" in row else None
        return cls(**values)
