"""Endpoints: where a workspace hears of its sessions, or of one of them, and of which events.

Rule: an endpoint that is switched off or deleted is owed nothing; what it was owed is dead and can be sent
again once it is enabled. Values of headers are secrets: they leave only with a webhook.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from storage.attempts import Tried
from storage.audit_deed import concerns
from storage.circuit import FAILURES_TO_OPEN, Circuit, is_failure
from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.errors import Conflict, NotFound
from storage.events import EventType
from storage.ids import is_id, new_id

log = logging.getLogger(__name__)

SWITCHED_OFF = "switched off by the workspace"
DELETED = "the endpoint was deleted"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An address that hears of a workspace's events, or of one session's."""

    id: str
    workspace_id: str
    session_id: str | None
    url: str
    events: tuple[EventType, ...]
    """Of which it hears; none means all."""
    headers: Mapping[str, str] = field(repr=False)
    """Sent along with every webhook."""
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: str | None
    circuit: Circuit

    def state(self, now: datetime) -> str:
        """Of the circuit: closed, open, or half_open."""
        if self.circuit.failures < FAILURES_TO_OPEN:
            return "closed"
        return (
            "open" if self.circuit.open_until is not None and now < self.circuit.open_until else "half_open"
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Endpoint:
        return cls(
            id=row["id"],
            workspace_id=row["workspace_id"],
            session_id=row["session_id"],
            url=row["url"],
            events=tuple(EventType(name) for name in json.loads(row["events"])),
            headers=json.loads(row["headers"]),
            created_at=from_wire(row["created_at"]),
            disabled_at=None if row["disabled_at"] is None else from_wire(row["disabled_at"]),
            disabled_reason=row["disabled_reason"],
            circuit=Circuit.from_row(row),
        )


class Endpoints:
    """The endpoints of the registry."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(
        self,
        workspace_id: str,
        url: str,
        *,
        session_id: str | None = None,
        events: Iterable[EventType] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Endpoint:
        """Send this workspace's events (of one session) there, too. Raises Conflict `endpoint_exists`."""
        now = self._clock.now()
        endpoint_id = new_id(now)
        with self._database.transaction():
            self._database.one("hold_workspace", id=workspace_id)
            self._refuse_twin(workspace_id, session_id, url, endpoint_id)
            concerns(endpoint_id=endpoint_id)
            self._database.run(
                "insert_endpoint",
                id=endpoint_id,
                workspace_id=workspace_id,
                session_id=session_id,
                url=url,
                events=_events(events),
                headers=json.dumps(dict(headers or {})),
                created_at=to_wire(now),
            )
            return self.get(workspace_id, endpoint_id)

    def hold(self, endpoint_id: str) -> None:
        """Nobody else judges this endpoint or switches it off until the transaction ends."""
        self._database.one("hold_endpoint", id=endpoint_id)

    def get(self, workspace_id: str, endpoint_id: str) -> Endpoint:
        """Raises NotFound, the same for an endpoint of others and for one that never was."""
        row = None
        if is_id(endpoint_id):
            row = self._database.one("endpoint_of_workspace", id=endpoint_id, workspace_id=workspace_id)
        if row is None:
            raise NotFound("there is no such endpoint; take its id from GET /api/webhooks")
        return Endpoint.from_row(row)

    def page(
        self,
        workspace_id: str | None = None,
        *,
        session_id: str | None = None,
        before: str | None = None,
        limit: int = 10_000,
    ) -> list[Endpoint]:
        """One page of a workspace's endpoints (or of all workspaces'), newest first."""
        rows = self._database.all(
            "endpoints", workspace_id=workspace_id, session_id=session_id, before=before, limit=limit
        )
        return [Endpoint.from_row(row) for row in rows]

    def change(
        self,
        workspace_id: str,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Iterable[EventType] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Endpoint:
        """Change what is given. Another address starts with a closed circuit. Raises NotFound, Conflict."""
        with self._database.transaction():
            self._database.one("hold_workspace", id=workspace_id)
            self.hold(endpoint_id)
            before = self.get(workspace_id, endpoint_id)
            moved = url is not None and url != before.url
            if url is not None:
                self._refuse_twin(workspace_id, before.session_id, url, endpoint_id)
            self._database.run(
                "change_endpoint",
                id=endpoint_id,
                url=url or before.url,
                events=_events(before.events if events is None else events),
                headers=json.dumps(dict(before.headers if headers is None else headers)),
            )
            if moved:
                self._database.run("save_circuit", id=endpoint_id, **Circuit().to_row())
            return self.get(workspace_id, endpoint_id)

    def enable(self, endpoint_id: str) -> str:
        """Send there again, with a closed circuit: somebody knows that it works. Gives whose it is.

        Raises NotFound.
        """
        with self._database.transaction():
            row = self._database.one("enable_endpoint", id=endpoint_id)
            if row is None:
                raise NotFound(f"there is no endpoint {endpoint_id}")
            self._database.run("save_circuit", id=endpoint_id, **Circuit().to_row())
            return str(row["workspace_id"])

    def disable(self, endpoint_id: str, reason: str) -> None:
        """Owe it nothing more. Disabling it twice keeps the first reason."""
        with self._database.transaction():
            self._database.run(
                "disable_endpoint", id=endpoint_id, reason=reason, now=to_wire(self._clock.now())
            )
            self._database.run("bury_deliveries_of_endpoint", endpoint_id=endpoint_id, reason=reason)

    def delete(self, workspace_id: str, endpoint_id: str) -> None:
        """Forget address and headers to all but the log. Raises NotFound."""
        with self._database.transaction():
            self.get(workspace_id, endpoint_id)
            self._database.run("delete_endpoint", id=endpoint_id, now=to_wire(self._clock.now()))
            self._database.run("bury_deliveries_of_endpoint", endpoint_id=endpoint_id, reason=DELETED)

    def judge(self, endpoint_id: str, tried: Tried, retry_after: timedelta | None) -> None:
        """What an attempt says of an endpoint; nothing is written while it stays as well as it was."""
        row = self._database.one("circuit_of_endpoint", id=endpoint_id)
        if row is None:
            return  # forgotten meanwhile
        before = Circuit.from_row(row)
        if is_failure(tried.status_code):
            after = before.after_failure(self._clock.now(), retry_after)
        else:
            after = before.after_answer(tried.took)
        if after == before:
            return
        self._database.run("save_circuit", id=endpoint_id, **after.to_row())
        if after.open_until != before.open_until:
            log.warning(
                "circuit_closed" if after.open_until is None else "circuit_opened",
                extra={
                    "endpoint_id": endpoint_id,
                    "failures": after.failures,
                    "open_until": after.open_until and to_wire(after.open_until),
                },
            )

    def _refuse_twin(self, workspace_id: str, session_id: str | None, url: str, endpoint_id: str) -> None:
        """One address would be told once anyhow, and filters of two would contradict each other."""
        twin = self._database.one(
            "endpoint_by_url", workspace_id=workspace_id, session_id=session_id, url=url
        )
        if twin is not None and twin["id"] != endpoint_id:
            raise Conflict(f"endpoint {twin['id']} has this address; change that one", code="endpoint_exists")


def _events(events: Iterable[EventType]) -> str:
    return json.dumps([event.value for event in events])
