"""Sessions that ended long ago and that nobody has deleted: erased, as if their backend had deleted them.

Rule: what goes is everything of the account: number, name, chats, what events and webhooks said of it, the
profile and the snapshots. A session that was restarted meanwhile is not touched.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from storage.audit import ActorKind, AuditLog
from storage.clock import Clock, to_wire
from storage.database import Database
from storage.deliveries import Deliveries
from storage.models import ENDED, SessionStatus
from storage.registry import Registry

log = logging.getLogger(__name__)

ACTOR = "retention"
"""In the audit log; it acts for the operator."""
AS_ALL = -1
"""Days of the workspaces that follow the environment, in queries."""
UNTIL_DELETED = 0


class EndedSessions:
    """Erases what has been at its end for longer than its workspace wants."""

    def __init__(self, database: Database, clock: Clock, keep: timedelta | None) -> None:
        """`keep`: of workspaces that have not chosen; None keeps until somebody deletes."""
        self._database = database
        self._clock = clock
        self._keep = keep
        self._registry = Registry(database, clock, Deliveries(database, clock))
        self._audit = AuditLog(database, clock)

    def erase(self, limit: int) -> bool:
        """Erase up to so many of each group of workspaces; True when there may be more."""
        more = False
        for row in self._database.all("ended_keep_days"):
            days = row["days"]
            keep = self._keep if days == AS_ALL else timedelta(days=days)
            if keep is None or days == UNTIL_DELETED:
                continue
            before = to_wire(self._clock.now() - keep)
            found = self._database.all("ended_sessions", before=before, days=days, limit=limit)
            for session in found:
                self._erase(session["id"], before)
            more = more or len(found) == limit
        return more

    def _erase(self, session_id: str, before: str) -> None:
        with self._database.transaction():
            self._registry.sessions.hold([session_id])
            session = self._registry.sessions.find(session_id)
            if session is None or session.status not in ENDED - {SessionStatus.DELETED}:
                return
            if to_wire(session.last_activity_at) >= before:
                return
            self._registry.request_delete(session_id)
            self._audit.write(
                self._audit.entry(
                    ActorKind.OPERATOR,
                    ACTOR,
                    "sessions.delete",
                    workspace_id=session.workspace_id,
                    subjects={"session_id": session_id},
                )
            )
        log.info("ended_session_erased", extra={"session_id": session_id, "status": session.status.value})
