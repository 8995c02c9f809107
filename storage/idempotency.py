"""Idempotency keys: a creation that is repeated within a day finds the session it made.

Rule: both methods run inside the transaction that creates, so of two racing requests one finds the other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from storage.clock import Clock, to_wire
from storage.database import Database
from storage.errors import Conflict

KEPT = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """A creation that may be repeated."""

    key: str
    request_sha256: str


class IdempotencyKeys:
    """The table of keys."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def session_of(self, workspace_id: str, key: IdempotencyKey) -> str | None:
        """The session that this key made. Raises Conflict when it came with another request."""
        oldest = to_wire(self._clock.now() - KEPT)
        self._database.run("prune_idempotency_keys", oldest=oldest)
        row = self._database.one(
            "idempotent_answer", workspace_id=workspace_id, keys=json.dumps([key.key]), oldest=oldest
        )
        if row is None:
            return None
        if row["request_sha256"] != key.request_sha256:
            raise Conflict(
                "this Idempotency-Key was used for another request in the last 24 hours; use a new key",
                code="idempotency_key_reused",
            )
        session_id: str = row["session_id"]
        return session_id

    def remember(self, workspace_id: str, key: IdempotencyKey, session_id: str) -> None:
        """This key made this session."""
        self._database.run(
            "insert_idempotency_key",
            workspace_id=workspace_id,
            key=key.key,
            request_sha256=key.request_sha256,
            session_id=session_id,
            created_at=to_wire(self._clock.now()),
        )
