"""A lost registry made anew from what the snapshots know: workspaces and linked sessions.

Rule: only into an empty registry, and all or nothing. Every session comes back linked, wanted and without a
node, so the next heartbeat places it and the node restores its login; nobody scans a QR.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from storage.clock import Clock, from_wire
from storage.database import Database
from storage.errors import Conflict
from storage.models import ReasonCode, SessionStatus, Wanted
from storage.session_table import SessionTable
from storage.sessions import Session
from storage.snapshot_record import About, Snapshot
from storage.workspaces import Workspace, Workspaces

GENERATIONS_AHEAD = 1000
"""The lost registry may have given out generations that no snapshot saw, and a node that still holds one of
them must find the new one larger. A restart takes one; nobody restarts a session a thousand times between
two saves."""


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """What would be written."""

    workspaces: Mapping[str, str]
    """id → name"""
    sessions: tuple[Session, ...]

    @property
    def shared_numbers(self) -> list[str]:
        """Ids of sessions that hold the same number of the same workspace as another: an older link."""
        seen: dict[tuple[str, str], str] = {}
        older = []
        for session in sorted(self.sessions, key=_age, reverse=True):
            if session.phone_number is None:
                continue
            if (session.workspace_id, session.phone_number) in seen:
                older.append(session.id)
            seen.setdefault((session.workspace_id, session.phone_number), session.id)
        return older


def plan(snapshots: Iterable[Snapshot]) -> Rebuild:
    """From the newest snapshot of each session. Pure."""
    newest_first = sorted(snapshots, key=lambda one: one.saved_at, reverse=True)
    names: dict[str, str] = {}
    for snapshot in newest_first:
        name = _text(snapshot.about.record, "workspace_name")
        if name is not None:
            names.setdefault(snapshot.about.workspace_id, name)
    workspace_ids = sorted({one.about.workspace_id for one in newest_first})
    return Rebuild(
        workspaces={one: names.get(one, f"restored {one}") for one in workspace_ids},
        sessions=_with_primaries([_session(one) for one in newest_first]),
    )


def rebuild(database: Database, clock: Clock, planned: Rebuild) -> list[Workspace]:
    """Write it; give the workspaces, whose webhook secrets are new. Raises Conflict unless it was empty."""
    workspaces, table = Workspaces(database, clock), SessionTable(database)
    with database.transaction():
        must_be_empty(database, clock)
        made = [workspaces.bring_back(*one) for one in planned.workspaces.items()]
        for session in planned.sessions:
            table.insert(session)
            if session.webhook_url is not None:
                workspaces.add_endpoint(session.workspace_id, session.webhook_url, session.id)
    return made


def must_be_empty(database: Database, clock: Clock) -> None:
    """Raises Conflict."""
    workspaces, sessions = Workspaces(database, clock).all(), SessionTable(database).counts()
    if workspaces or sessions:
        raise Conflict(
            f"the registry holds {len(workspaces)} workspaces and {sum(sessions.values())} sessions; only an"
            " empty one can be rebuilt: set DATABASE_URL to a new file, or move this one away"
        )


def _session(snapshot: Snapshot) -> Session:
    about, record = snapshot.about, snapshot.about.record
    generation = about.generation + GENERATIONS_AHEAD
    metadata = record.get("metadata")
    return Session(
        id=about.session_id,
        workspace_id=about.workspace_id,
        created_at=_created_at(about),
        last_activity_at=about.captured_at,
        connected_at=about.captured_at,
        reference=_text(record, "reference"),
        metadata=metadata if isinstance(metadata, Mapping) else {},
        keep_alive=record.get("keep_alive") is True,
        region=_text(record, "region"),
        proxy=_text(record, "proxy"),
        locale=_text(record, "locale"),
        return_url=_text(record, "return_url"),
        webhook_url=_text(record, "webhook_url"),
        display_name=_text(record, "display_name"),
        platform=_text(record, "platform"),
        is_primary=record.get("is_primary") is True,
        phone_number=about.phone_number,
        # linked, so that no node shows a QR; reconnecting, because no browser holds it
        status=SessionStatus.RECONNECTING,
        reason_code=ReasonCode.NODE_LOST.value,
        wanted=Wanted.OPEN,
        generation=generation,
        start_seq=generation,  # never smaller than what a node remembers: each start takes a generation
        snapshot_id=snapshot.id,
        snapshot_saved_at=snapshot.saved_at,
        snapshot_size_bytes=snapshot.size_bytes,
    )


def _with_primaries(sessions: list[Session]) -> tuple[Session, ...]:
    """One in each workspace: whoever was, by the newest word; else the oldest session."""
    primaries: dict[str, str] = {}
    for session in sessions:
        if session.is_primary:
            primaries.setdefault(session.workspace_id, session.id)
    for session in sorted(sessions, key=_age):
        primaries.setdefault(session.workspace_id, session.id)
    return tuple(replace(one, is_primary=primaries[one.workspace_id] == one.id) for one in sessions)


def _age(session: Session) -> tuple[datetime, str]:
    return session.created_at, session.id


def _created_at(about: About) -> datetime:
    try:
        return from_wire(about.record.get("created_at") or "")
    except (TypeError, ValueError):
        return about.captured_at


def _text(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    return value if isinstance(value, str) and value else None
