"""What the operator's page shows of the registry: the last hours, and what needs somebody.

Rule: each query reads a bounded stretch of an index, so that looking never slows what is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.ids import first_id_at
from storage.models import ENDED, SessionStatus

MOST_LINKS = 5_000
"""Of the hours that are shown; beyond it, charts begin later."""
TRIED_WITHIN = timedelta(minutes=1)
"""A webhook that nobody has tried by then waits for something."""
ROWS = 12
"""Of each list. Who needs more has the command line."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """How one link went."""

    id: str
    workspace_id: str
    created_at: datetime
    status: SessionStatus
    reason_code: str | None
    phase: str | None
    qr_generation_ms: int | None
    launch_ms: int | None
    load_ms: int | None
    retrieval_ms: int | None
    phone_extraction_ms: int | None


class Operations:
    """Reads for /ops."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def links(self, over: timedelta) -> list[Link]:
        """Links that were asked for lately, newest first."""
        since = first_id_at(self._clock.now() - over)
        rows = self._database.all("links_since", first=since, limit=MOST_LINKS)
        return [
            Link(
                **{
                    **row,
                    "created_at": from_wire(row["created_at"]),
                    "status": SessionStatus(row["status"]),
                }
            )
            for row in rows
        ]

    def deliveries_in_trouble(self) -> list[dict[str, Any]]:
        """Given up, then tried in vain; the newest of each."""
        dead = self._database.all("dead_deliveries", limit=ROWS)
        before = to_wire(self._clock.now() - TRIED_WITHIN)
        failing = self._database.all("failing_deliveries", before=before, limit=ROWS)
        return [*dead, *failing][:ROWS]

    def unsaved_sessions(self) -> list[dict[str, Any]]:
        """Linked sessions without a snapshot, then those with the oldest."""
        return self._database.all("oldest_snapshots", limit=ROWS)

    def now(self) -> str:
        """For the page's foot."""
        return to_wire(self._clock.now())


def slowest(links: list[Link]) -> list[Link]:
    """Links that took longest to their QR."""
    timed = [link for link in links if link.qr_generation_ms is not None]
    return sorted(timed, key=lambda link: -(link.qr_generation_ms or 0))[:ROWS]


def failed(links: list[Link]) -> list[Link]:
    """Links that ended without an account, for another reason than that nobody scanned."""
    ends = ENDED - {SessionStatus.EXPIRED, SessionStatus.REPLACED, SessionStatus.DELETED}
    return [link for link in links if link.status in ends][:ROWS]
