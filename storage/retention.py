"""How long webhooks, events, ended and deleted sessions and the audit log are remembered.

Rule: removed a small batch at a time, each in its own short transaction, so that nobody waits for it. What is
dead is kept longer than what was delivered, since it can still be replayed; but a workspace that has chosen
days of its own means them for all that happened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.clock import Clock, to_wire
from storage.database import Database
from storage.ended_sessions import EndedSessions
from storage.idempotency import KEPT as IDEMPOTENCY_KEPT

DEAD_KEPT = timedelta(days=90)
"""A quarter: long enough to notice after the holidays that a backend was told nothing."""

AUDIT_KEPT = timedelta(days=365)
"""A year: whoever asks who did something asks late."""

BATCH = 200
"""Rows in one transaction: 1 to 8 ms with the indexes and the attempts that go with them."""

GIVEN_UP = "given up: the endpoint did not answer for longer than events are kept"

AS_ALL = 0
"""Days of the workspaces that follow the environment, in queries."""


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Workspaces that have chosen alike."""

    days: int
    before: datetime
    """What is older goes."""
    dead_before: datetime
    """The same for webhooks that could not be delivered."""


class Retention:
    """Forgets what is old."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keep: timedelta,
        audit_keep: timedelta = AUDIT_KEPT,
        ended_keep: timedelta | None = None,
    ) -> None:
        """`ended_keep`: of ended sessions; None keeps them until they are deleted."""
        self._database = database
        self._clock = clock
        self._keep = keep
        self._audit_keep = audit_keep
        self._ended = EndedSessions(database, clock, ended_keep)

    def prune(self) -> bool:
        """Remove one batch of each kind; True when there may be more."""
        more = self._ended.erase(BATCH)
        for group in self._groups():
            more = self._prune_group(group) or more
        now = self._clock.now()
        strangers = self._database.all("old_events_of_nobody", before=to_wire(now - self._keep), limit=BATCH)
        more = self._forget_events([row["id"] for row in strangers]) or more
        with self._database.transaction():
            # a day is over for all of them; creations remove them too, but nobody may create any more
            self._database.run("prune_idempotency_keys", oldest=to_wire(now - IDEMPOTENCY_KEPT))
        with self._database.transaction():
            old = to_wire(now - self._audit_keep)
            return self._database.run("prune_audit", before=old, limit=BATCH) == BATCH or more

    def _groups(self) -> list[_Group]:
        now = self._clock.now()
        groups = []
        for row in self._database.all("events_keep_days"):
            own = row["days"] != AS_ALL
            keep = timedelta(days=row["days"]) if own else self._keep
            dead_keep = keep if own else max(DEAD_KEPT, keep)
            groups.append(_Group(days=row["days"], before=now - keep, dead_before=now - dead_keep))
        return groups

    def _prune_group(self, group: _Group) -> bool:
        days, before = group.days, to_wire(group.before)
        database, now = self._database, to_wire(self._clock.now())
        counts = []
        with database.transaction():
            counts.append(
                database.run(
                    "bury_old_deliveries", before=before, now=now, reason=GIVEN_UP, days=days, limit=BATCH
                )
            )
        delivered = database.all("old_delivered", before=before, days=days, limit=BATCH)
        counts.append(self._forget_deliveries([row["position"] for row in delivered]))
        dead = database.all("old_dead", before=to_wire(group.dead_before), days=days, limit=BATCH)
        counts.append(self._forget_deliveries([row["position"] for row in dead]))
        events = database.all("old_events", before=before, days=days, limit=BATCH)
        more = self._forget_events([row["id"] for row in events])
        with database.transaction():
            counts.append(database.run("prune_endpoints", before=before, days=days, limit=BATCH))
        with database.transaction():
            counts.append(database.run("prune_sessions", before=before, days=days, limit=BATCH))
        return more or any(count == BATCH for count in counts)

    def _forget_deliveries(self, positions: list[int]) -> int:
        if positions:
            with self._database.transaction():
                self._database.run("prune_deliveries", positions=json.dumps(positions))
        return len(positions)

    def _forget_events(self, ids: list[str]) -> bool:
        if ids:
            with self._database.transaction():
                self._database.run("prune_events", ids=json.dumps(ids))
        return len(ids) == BATCH
