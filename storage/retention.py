"""How long webhooks, events, deleted sessions and the audit log are remembered.

Rule: removed a small batch at a time, each in its own short transaction, so that nobody waits for it. What is
dead is kept longer than what was delivered: it can still be replayed.
"""

from __future__ import annotations

from datetime import timedelta

from storage.clock import Clock, to_wire
from storage.database import Database

DEAD_KEPT = timedelta(days=90)
"""A quarter: long enough to notice after the holidays that a backend was told nothing."""

AUDIT_KEPT = timedelta(days=365)
"""A year: whoever asks who did something asks late."""

BATCH = 200
"""Rows in one transaction: 1 to 8 ms with the indexes and the attempts that go with them."""

GIVEN_UP = "given up: the endpoint did not answer for longer than events are kept"


class Retention:
    """Forgets what is old."""

    def __init__(
        self, database: Database, clock: Clock, keep: timedelta, audit_keep: timedelta = AUDIT_KEPT
    ) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep
        self._audit_keep = audit_keep

    def prune(self) -> bool:
        """Remove one batch of each kind; True when there may be more."""
        now = self._clock.now()
        old = to_wire(now - self._keep)
        very_old = to_wire(now - max(DEAD_KEPT, self._keep))
        counts = []
        with self._database.transaction():
            counts.append(
                self._database.run(
                    "bury_old_deliveries", before=old, now=to_wire(now), reason=GIVEN_UP, limit=BATCH
                )
            )
        with self._database.transaction():
            counts.append(self._database.run("prune_delivered", before=old, limit=BATCH))
        with self._database.transaction():
            counts.append(self._database.run("prune_dead", before=very_old, limit=BATCH))
        with self._database.transaction():
            counts.append(self._database.run("prune_events", before=old, limit=BATCH))
        with self._database.transaction():
            counts.append(self._database.run("prune_endpoints", before=old, limit=BATCH))
        with self._database.transaction():
            # a day is over for all of them; creations remove them too, but nobody may create any more
            self._database.run("prune_idempotency_keys", oldest=old)
            counts.append(self._database.run("prune_sessions", before=old, limit=BATCH))
        with self._database.transaction():
            audit_old = to_wire(now - self._audit_keep)
            counts.append(self._database.run("prune_audit", before=audit_old, limit=BATCH))
        return any(count == BATCH for count in counts)
