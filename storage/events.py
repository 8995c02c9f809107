"""Events: facts that a node reports about a session, and the form in which they travel.

Rule: an event is applied at most once, in the order of `seq` within a session, and only when its
generation is the session's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage.clock import from_wire, to_wire
from storage.errors import BadMessage


class EventType(StrEnum):
    """Wire names; never rename. The first group is public, the rest stays between node and functions."""

    QR_CODE_GENERATED = "qr_code_generated"
    PAIRING_CODE_GENERATED = "pairing_code_generated"
    PASSKEY_REQUIRED = "passkey_required"
    SESSION_AUTHENTICATED = "session_authenticated"
    SESSION_READY = "session_ready"
    SESSION_DISCONNECTED = "session_disconnected"
    SESSION_RECONNECTED = "session_reconnected"
    SESSION_LOGGED_OUT = "session_logged_out"
    SESSION_EXPIRED = "session_expired"
    SESSION_FAILED = "session_failed"
    SESSION_REPLACED = "session_replaced"
    SESSION_HIBERNATED = "session_hibernated"
    SESSION_WOKEN = "session_woken"
    SESSION_RESTORED = "session_restored"
    SNAPSHOT_SAVED = "snapshot_saved"
    CHATS_SYNCED = "chats_synced"
    PHONE_RESOLVED = "phone_resolved"

    SNAPSHOT_VERIFIED = "snapshot_verified"
    SNAPSHOTS_DESTROYED = "snapshots_destroyed"
    SESSION_QUEUED = "session_queued"
    SESSION_STARTING = "session_starting"
    SESSION_PROGRESSED = "session_progressed"

    RESTART_REQUESTED = "restart_requested"
    DELETE_REQUESTED = "delete_requested"
    PAGE_PAINTED = "page_painted"


INTERNAL = frozenset(
    {
        EventType.SNAPSHOT_VERIFIED,
        EventType.SNAPSHOTS_DESTROYED,
        EventType.SESSION_QUEUED,
        EventType.SESSION_STARTING,
        EventType.SESSION_PROGRESSED,
        EventType.RESTART_REQUESTED,
        EventType.DELETE_REQUESTED,
        EventType.PAGE_PAINTED,
    }
)
"""Never delivered to a workspace."""

LONGEST_ID = 100
LARGEST_COUNT = 2**53
"""JSON numbers are exact up to here, and SQL integers hold them."""

COMMANDS = frozenset({EventType.RESTART_REQUESTED, EventType.DELETE_REQUESTED, EventType.PAGE_PAINTED})
"""Made by the functions for what backend and page say; a node that sends one is refused."""


@dataclass(frozen=True, kw_only=True)
class NodeEvent:
    """One fact from a node. `data` by type:

    session_queued          position, estimated_wait_ms
    session_starting        phase, failed_before?: why the try before this one ended
    session_progressed      phase, percent?
    qr_code_generated       ref, expires_at; with the first QR of a start also qr_generation_ms, launch_ms,
                            load_ms, retrieval_ms
    pairing_code_generated  code, phone_number, expires_at
    passkey_required        expires_at
    session_authenticated   phone_number?, display_name?: when the page knows them already
    session_ready           phone_number (or null), display_name, platform, phone_extraction_ms
    phone_resolved          phone_number, display_name, phone_extraction_ms
    session_disconnected    reason_code
    session_logged_out      reason_code
    session_expired         reason_code
    session_failed          reason_code, message

    The functions write three themselves, without a node: session_replaced (replaced_by, phone_number),
    session_failed (duplicate_of, phone_number) and chats_synced.
    """

    id: str
    session_id: str
    generation: int
    seq: int
    type: EventType
    occurred_at: datetime
    data: Mapping[str, Any]

    def to_wire(self) -> dict[str, Any]:
        """The JSON object posted to /api/webhook, inside `events`."""
        return {
            "id": self.id,
            "session_id": self.session_id,
            "generation": self.generation,
            "seq": self.seq,
            "event": str(self.type),
            "occurred_at": to_wire(self.occurred_at),
            "data": dict(self.data),
        }

    @classmethod
    def from_wire(cls, raw: object) -> NodeEvent:
        """Parse one element of `events`. Raises BadMessage naming the field."""
        if not isinstance(raw, dict):
            raise BadMessage("an event is a JSON object")

        def field(name: str, kind: type) -> Any:
            value = raw.get(name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise BadMessage(f"event field {name!r} must be {kind.__name__}, got {type(value).__name__}")
            return value

        try:
            type_ = EventType(field("event", str))
        except ValueError as error:
            raise BadMessage(f"event field 'event' has no meaning here: {raw.get('event')!r}") from error
        if type_ in COMMANDS:
            raise BadMessage(f"a node cannot send {type_}")
        try:
            occurred_at = from_wire(field("occurred_at", str))
        except ValueError as error:
            raise BadMessage(f"event field 'occurred_at' is not an RFC 3339 time: {error}") from error
        for name in ("id", "session_id"):
            if not 0 < len(field(name, str)) <= LONGEST_ID:
                raise BadMessage(f"event field {name!r} must have 1 to {LONGEST_ID} characters")
        for name in ("generation", "seq"):
            if not 0 <= field(name, int) <= LARGEST_COUNT:
                raise BadMessage(f"event field {name!r} must be from 0 to {LARGEST_COUNT}")
        return cls(
            id=field("id", str),
            session_id=field("session_id", str),
            generation=field("generation", int),
            seq=field("seq", int),
            type=type_,
            occurred_at=occurred_at,
            data=field("data", dict),
        )


def encode_events(node_id: str, events: list[NodeEvent]) -> bytes:
    """Body of POST /api/webhook."""
    body = {"node_id": node_id, "events": [event.to_wire() for event in events]}
    return json.dumps(body, separators=(",", ":")).encode()
