"""Fills a registry: workspaces, linked sessions on nodes that have reported, and what happened to them.

Rule: rows are made by the registry's own records, so they have every column that its code would write.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from bench.scale.fleet import SimNode
from storage.clock import to_wire
from storage.ids import new_id
from storage.models import SessionStatus, Wanted
from storage.sessions import Session

SESSIONS_OF_A_WORKSPACE = 10
LARGE_SHARE = 10
"""Every tenth session belongs to one large customer: whatever is counted by workspace shows there."""
EVENTS_OF_A_SESSION = 5
FIRST_NUMBER = 6_281_000_000_000


def fill(url: str, nodes: list[SimNode], count: int, large_workspace: str) -> None:
    """So many linked sessions, dealt to the nodes in turn; the nodes hold them from here on."""
    now = datetime.now(UTC) - timedelta(days=1)
    with psycopg.connect(url) as connection:
        workspaces = [new_id(now) for _ in range(max(1, count // SESSIONS_OF_A_WORKSPACE))]
        _copy(
            connection,
            "workspaces",
            [
                {
                    "id": one,
                    "name": f"Customer {one}",
                    "webhook_secret": "whsec_x",
                    "created_at": to_wire(now),
                }
                for one in workspaces
            ],
        )
        _copy(
            connection,
            "endpoints",
            [
                {
                    "id": new_id(now),
                    "workspace_id": one,
                    "url": "https://backend.example/hook",
                    "created_at": to_wire(now),
                }
                for one in workspaces
            ],
        )
        with_primary: set[str] = set()
        rows = []
        for place in range(count):
            node = nodes[place % len(nodes)]
            large = place % LARGE_SHARE == 0
            workspace_id = large_workspace if large else workspaces[place % len(workspaces)]
            session = _linked(place, workspace_id, node, now, is_primary=workspace_id not in with_primary)
            with_primary.add(workspace_id)
            node.held[session.id] = (session.generation, session.start_seq)
            rows.append(_columns(session))
        _copy(connection, "sessions", rows)
        connection.execute(
            "INSERT INTO events SELECT s.id || '-' || n, s.id, s.node_id, 1, n, 'session_reconnected',"
            " %s, %s, '{}', 'applied', s.workspace_id FROM sessions s, generate_series(1, %s) AS n",
            [to_wire(now), to_wire(now), EVENTS_OF_A_SESSION],
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _linked(place: int, workspace_id: str, node: SimNode, now: datetime, *, is_primary: bool) -> Session:
    return Session(
        id=new_id(now),
        workspace_id=workspace_id,
        created_at=now,
        last_activity_at=now,
        reference=f"customer-{place}",
        metadata={"plan": "standard"},
        region=node.region,
        wanted=Wanted.OPEN,
        generation=1,
        start_seq=1,
        last_seq=0,
        node_id=node.id,
        owned_since=1,
        status=SessionStatus.CONNECTED,
        version=7,
        phone_number=f"+{FIRST_NUMBER + place}",
        display_name="Ayu",
        platform="android",
        is_primary=is_primary,
        connected_at=now,
        qr_generation_ms=40,
        phone_extraction_ms=80,
        snapshot_id=new_id(now),
        snapshot_saved_at=now,
        snapshot_verified_at=now,
        snapshot_size_bytes=5_000_000,
        link_token_hash=f"{place:064x}",
        link_expires_at=now,
    )


def _columns(session: Session) -> dict[str, Any]:
    row = session.to_row()
    for joined in ("node_url", "node_index"):
        del row[joined]
    return {name: int(value) if isinstance(value, bool) else value for name, value in row.items()}


def _copy(connection: psycopg.Connection[Any], table: str, rows: list[dict[str, Any]]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(list(row.values()))
