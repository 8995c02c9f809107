"""Which columns of the registry may hold a phone number, and which queries write, read and look for them.

Rule: a query that touches one of these columns stands here; a test compares this with `queries.sql`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SealedColumn:
    """One column that holds numbers, or what may hold one."""

    name: str
    bound_to: str
    """The column whose value it is bound to: a sealed text opens beside the same value only."""
    alike: bool = False
    """It is looked up, so the same text is sealed the same way every time."""
    foreign: bool = False
    """Others may have written anything into it, also what looks like a sealed text."""


TABLES: dict[str, tuple[SealedColumn, ...]] = {
    "sessions": (
        # the account's own number; the one to pair, the one that is expected, the one a code is for
        SealedColumn(name="phone_number", bound_to="workspace_id", alike=True),
        SealedColumn(name="requested_phone", bound_to="id"),
        SealedColumn(name="expected_phone", bound_to="id"),
        SealedColumn(name="pairing_phone_number", bound_to="id"),
        # who it is, and what a node said of a failure
        SealedColumn(name="display_name", bound_to="id", foreign=True),
        SealedColumn(name="reason_message", bound_to="id", foreign=True),
        # what the backend calls its customer, often by the number
        SealedColumn(name="reference", bound_to="workspace_id", alike=True, foreign=True),
        SealedColumn(name="metadata", bound_to="id"),
        SealedColumn(name="return_url", bound_to="id", foreign=True),
    ),
    "events": (SealedColumn(name="data", bound_to="id"),),
    "stream": (SealedColumn(name="data", bound_to="event_id"),),
    "deliveries": (SealedColumn(name="data", bound_to="id"),),
    # a receiver may answer with what it was sent
    "delivery_attempts": (SealedColumn(name="answer", bound_to="delivery_id", foreign=True),),
    # 628…@c.us; and WhatsApp names a stranger by the number
    "chats": (
        SealedColumn(name="id", bound_to="session_id", foreign=True),
        SealedColumn(name="name", bound_to="session_id", foreign=True),
    ),
    # a hash of a request with a number in it: ten thousand million tries find which
    "idempotency_keys": (
        SealedColumn(name="request_sha256", bound_to="session_id"),
        SealedColumn(name="key", bound_to="workspace_id", alike=True, foreign=True),
    ),
}

EMPTY = "{}"
"""`data` of a deleted session. Queries ask for it, so it is never sealed; there is nothing in it."""

WRITES = {
    "insert_session": "sessions",
    "save_session": "sessions",
    "insert_event": "events",
    "insert_into_stream": "stream",
    "insert_delivery": "deliveries",
    "insert_attempt": "delivery_attempts",
    "insert_idempotency_key": "idempotency_keys",
}
"""Query to the table whose columns are its parameters, with what they are bound to."""

WRITES_CHATS = "insert_chats"
"""Takes its rows as one JSON document."""

READS = {
    "session_by_id": "sessions",
    "session_of_workspace": "sessions",
    "session_by_link": "sessions",
    "sessions_of_workspace": "sessions",
    "recent_sessions": "sessions",
    "linked_to_number": "sessions",
    "devices_to_remove": "sessions",
    "sessions_for_node": "sessions",
    "unplaced_sessions": "sessions",
    "open_sessions_of_node": "sessions",
    "events_of_session": "events",
    "stream_of_workspace": "stream",
    "claimed_delivery": "deliveries",
    "deliveries_of_workspace": "deliveries",
    "delivery_of_workspace": "deliveries",
    "attempts_of_delivery": "delivery_attempts",
    "chats_of_session": "chats",
    "idempotent_answer": "idempotency_keys",
}
"""Query to the table whose columns it gives."""

LOOKUPS = {
    "sessions_of_workspace": {"phone_numbers": "phone_number", "references": "reference"},
    "linked_to_number": {"phone_numbers": "phone_number"},
    "idempotent_answer": {"keys": "key"},
}
"""Query to its parameters that are JSON lists of what a column of the table that it reads may hold."""
