"""Durable queue of events the functions have not acknowledged. An event leaves only after a 2xx."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlite_utils import Database
from ulid import ULID

from browser_pool.pool_db import transaction
from storage.clock import Clock, from_wire, to_wire
from storage.events import EventType, NodeEvent


class Outbox:
    """Appends are synchronous and durable: when `append` returns, kill -9 loses nothing."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._news = asyncio.Event()
        last = db.execute("select max(seq) from outbox").fetchone()[0]
        self._last_seq = int(last or 0)

    def append(
        self, session_id: str, generation: int, type_: EventType, data: Mapping[str, Any]
    ) -> NodeEvent:
        """Write one event and wake the relay."""
        now = self._clock.now()
        self._last_seq = max(self._last_seq + 1, int(now.timestamp() * 1_000_000))
        event = NodeEvent(
            id=str(ULID.from_datetime(now)),
            session_id=session_id,
            generation=generation,
            seq=self._last_seq,
            type=type_,
            occurred_at=now,
            data=dict(data),
        )
        self._db.execute(
            "insert into outbox (seq, id, session_id, generation, type, occurred_at, data)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            [
                event.seq,
                event.id,
                session_id,
                generation,
                type_.value,
                to_wire(now),
                json.dumps(event.data),
            ],
        )
        self._news.set()
        return event

    def pending(self, limit: int) -> list[NodeEvent]:
        """The oldest events still owed, in order."""
        rows = self._db.query("select * from outbox where refused is null order by seq limit ?", [limit])
        return [_event(row) for row in rows]

    def pending_of(self, session_id: str) -> list[NodeEvent]:
        """What the functions have not yet heard of one session, in order."""
        rows = self._db.query(
            "select * from outbox where refused is null and session_id = ? order by seq", [session_id]
        )
        return [_event(row) for row in rows]

    def sessions(self) -> set[str]:
        """Ids of sessions of which events are still owed."""
        rows = self._db.query("select distinct session_id from outbox where refused is null")
        return {row["session_id"] for row in rows}

    def acknowledge(self, events: list[NodeEvent]) -> None:
        """Forget events that the functions hold. A power cut may bring some back: sent twice does no harm."""
        marks = ",".join("?" * len(events))
        with transaction(self._db, passing=True):
            self._db.execute(
                f"delete from outbox where seq in ({marks})",  # noqa: S608 - question marks only
                [event.seq for event in events],
            )

    def refuse(self, event: NodeEvent, why: str) -> None:
        """Set aside an event that the functions call malformed, so that it blocks no other."""
        self._db.execute("update outbox set refused = ? where seq = ?", [why, event.seq])

    def depth(self) -> int:
        """Events still owed."""
        return int(self._db.execute("select count(*) from outbox where refused is null").fetchone()[0])

    def oldest_at(self) -> datetime | None:
        """When the oldest event that is still owed happened."""
        oldest = self._db.execute("select min(occurred_at) from outbox where refused is null").fetchone()[0]
        return None if oldest is None else from_wire(oldest)

    def refused(self) -> int:
        """Events that the functions called malformed; somebody has to look at them."""
        return int(self._db.execute("select count(*) from outbox where refused is not null").fetchone()[0])

    async def wait_for_news(self, at_most: float) -> None:
        """Return at once when something was appended since the last call, or after `at_most` seconds."""
        try:
            async with asyncio.timeout(at_most):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()


def _event(row: Mapping[str, Any]) -> NodeEvent:
    return NodeEvent(
        id=row["id"],
        session_id=row["session_id"],
        generation=row["generation"],
        seq=row["seq"],
        type=EventType(row["type"]),
        occurred_at=from_wire(row["occurred_at"]),
        data=json.loads(row["data"]),
    )
