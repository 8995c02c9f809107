"""The table of sessions: every way to find one, and the one place where a row is written.

Rule: `save` writes what `storage.lifecycle` decided, and only over the version that was read.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from storage.database import Database
from storage.errors import Conflict, NotFound
from storage.ids import is_id
from storage.models import SessionStatus
from storage.sessions import Session

log = logging.getLogger(__name__)

RECENT_TIMINGS = 100
"""Averages for health look at so many sessions: enough to be calm, few enough to be about today."""


@dataclass(frozen=True, kw_only=True)
class SessionFilter:
    """Which sessions of a workspace; None does not filter."""

    statuses: tuple[SessionStatus, ...] | None = None
    reference: str | None = None
    phone_number: str | None = None


class SessionTable:
    """Sessions by id, workspace, link and node."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self, session_ids: Iterable[str]) -> None:
        """Nobody else changes anything in the workspaces of these sessions until the transaction ends."""
        self._database.one("hold_workspaces_of_sessions", sessions=json.dumps(sorted(set(session_ids))))

    def get(self, session_id: str) -> Session:
        """For code that has checked whose session it is. Raises NotFound."""
        session = self.find(session_id)
        if session is None:
            raise NotFound(f"there is no session {session_id}")
        return session

    def find(self, session_id: str) -> Session | None:
        """The same for an id that may be anything."""
        row = self._database.one("session_by_id", id=session_id)
        return None if row is None else Session.from_row(row)

    def of_workspace(self, workspace_id: str, session_id: str) -> Session:
        """For a backend. Raises NotFound, the same for a session of others and for one that never was."""
        row = None
        if is_id(session_id):
            row = self._database.one("session_of_workspace", id=session_id, workspace_id=workspace_id)
        if row is None:
            raise NotFound(
                "there is no such session; its id has 26 characters, such as 01JD3Z0V5M8Q4T2X9Y7W6R1K0B"
            )
        return Session.from_row(row)

    def by_link(self, link_token_hash: str) -> Session | None:
        """The session behind a hosted page."""
        row = self._database.one("session_by_link", link_token_hash=link_token_hash)
        return None if row is None else Session.from_row(row)

    def page(
        self, workspace_id: str, which: SessionFilter, *, before: str | None = None, limit: int = 50
    ) -> list[Session]:
        """One page, newest first."""
        rows = self._database.all(
            "sessions_of_workspace",
            workspace_id=workspace_id,
            statuses=None if which.statuses is None else json.dumps(which.statuses),
            references=None if which.reference is None else json.dumps([which.reference]),
            phone_numbers=None if which.phone_number is None else json.dumps([which.phone_number]),
            before=before,
            limit=limit,
        )
        return [Session.from_row(row) for row in rows]

    def recent(self, *, workspace_id: str | None = None, limit: int = 50) -> list[Session]:
        """For the operator: the newest of one workspace or of all."""
        rows = self._database.all("recent_sessions", workspace_id=workspace_id, limit=limit)
        return [Session.from_row(row) for row in rows]

    def for_node(self, node_id: str, reported: list[str]) -> list[Session]:
        """The sessions a node may have to do something about."""
        rows = self._database.all("sessions_for_node", node_id=node_id, reported=json.dumps(reported))
        return [Session.from_row(row) for row in rows]

    def linked_to(self, workspace_id: str, phone_number: str, *, without: str) -> list[Session]:
        """The other linked sessions of one account; the same account elsewhere is another customer's."""
        rows = self._database.all(
            "linked_to_number",
            workspace_id=workspace_id,
            phone_numbers=json.dumps([phone_number]),
            without=without,
        )
        return [Session.from_row(row) for row in rows]

    def devices_to_remove(self, arrived_id: str) -> list[Session]:
        """Sessions that this one's link ended, or itself, while they are still logged in."""
        return [Session.from_row(row) for row in self._database.all("devices_to_remove", arrived=arrived_id)]

    def open_of_node(self, node_id: str, limit: int) -> list[Session]:
        """Sessions of a node that want a browser, linked ones first."""
        rows = self._database.all("open_sessions_of_node", node_id=node_id, limit=limit)
        return [Session.from_row(row) for row in rows]

    def unplaced(self, limit: int) -> list[Session]:
        """Sessions that want a browser and have no node, oldest first."""
        return [Session.from_row(row) for row in self._database.all("unplaced_sessions", limit=limit)]

    def counts(self) -> dict[SessionStatus, int]:
        """How many sessions stand where."""
        return {SessionStatus(row["status"]): row["sessions"] for row in self._database.all("count_sessions")}

    def average_timings(self) -> dict[str, float | None]:
        """How long QR and number took lately, in ms."""
        row = self._database.one("average_timings", recent=RECENT_TIMINGS)
        assert row is not None
        return dict(row)

    def insert(self, session: Session) -> None:
        """A new session."""
        self._database.run("insert_session", **session.to_row())

    def save(self, session: Session, after: Session, *, why: str) -> None:
        """Store a change; the one place where a session's row is written.

        Hands on the primary flag, and forgets the chats of an account that is gone.
        """
        row = after.to_row() | {"read_version": session.version, "read_last_seq": session.last_seq}
        if self._database.run("save_session", **row) != 1:
            raise Conflict(f"session {session.id} was changed by somebody else; try again")
        if session.chats_synced_at is not None and after.chats_synced_at is None:
            self._database.run("delete_chats", session_id=session.id)
        if session.is_primary and not after.is_primary:
            heir = self._database.one("oldest_linked_session", workspace_id=session.workspace_id)
            if heir is not None:
                self._database.run("set_primary", id=heir["id"], is_primary=1)
        if after.status is not session.status:
            log.info(
                "session_moved",
                extra={
                    "session_id": session.id,
                    "from": session.status.value,
                    "to": after.status.value,
                    "event_type": why,
                    "reason_code": after.reason_code,
                    "qr_generation_ms": after.qr_generation_ms,
                    "phone_extraction_ms": after.phone_extraction_ms,
                    "version": after.version,
                    "generation": after.generation,
                },
            )
