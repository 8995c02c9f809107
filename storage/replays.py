"""Replays: owing again what was given up.

Rule: what is owed again keeps its webhook-id and gets all its attempts. An endpoint that is off gets
nothing, and of a deleted session there is nothing left to say. Who asks for one delivery or one endpoint
knows something: an open circuit lets it try at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from storage.clock import Clock, to_wire
from storage.database import Database
from storage.delivery import Delivery
from storage.endpoints import Endpoints
from storage.errors import Conflict, NotFound


class Replays:
    """Revives deliveries of the registry."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._endpoints = Endpoints(database, clock)

    def retry(self, workspace_id: str, delivery_id: str) -> Delivery:
        """Owe a delivery again, now, with all its attempts. Raises NotFound, Conflict."""
        with self._database.transaction():
            self._endpoints.hold(self._row(workspace_id, delivery_id)["endpoint_id"])
            row = self._row(workspace_id, delivery_id)
            if row["endpoint_deleted_at"] is not None:
                raise Conflict(f"the endpoint of delivery {delivery_id} was deleted", code="endpoint_deleted")
            if row["endpoint_disabled_at"] is not None:
                raise Conflict(
                    f"the endpoint of delivery {delivery_id} is switched off; "
                    f"POST /api/webhooks/{row['endpoint_id']}/enable, then retry",
                    code="endpoint_disabled",
                )
            if row["data"] == "{}":
                raise Conflict(
                    f"the session of delivery {delivery_id} was deleted, and what it said with it",
                    code="session_deleted",
                )
            if not self._database.run("retry_delivery", id=delivery_id, now=to_wire(self._clock.now())):
                raise Conflict(f"delivery {delivery_id} is being sent right now", code="delivery_in_flight")
            self._try_now(row["endpoint_id"])
            return Delivery.from_row(self._row(workspace_id, delivery_id))

    def replay(
        self, workspace_id: str, *, endpoint_id: str | None = None, since: datetime | None = None
    ) -> int:
        """Owe what is dead again: of one endpoint, since a time, or both; gives how many.

        Raises NotFound, Conflict for an endpoint that is switched off.
        """
        with self._database.transaction():
            if endpoint_id is not None:
                endpoint = self._endpoints.get(workspace_id, endpoint_id)
                if endpoint.disabled_at is not None:
                    raise Conflict(
                        f"endpoint {endpoint_id} is switched off; enable it first", code="endpoint_disabled"
                    )
                self._try_now(endpoint_id)
            return self._database.run(
                "replay_deliveries",
                workspace_id=workspace_id,
                endpoint_id=endpoint_id,
                since=None if since is None else to_wire(since),
                now=to_wire(self._clock.now()),
            )

    def _try_now(self, endpoint_id: str) -> None:
        self._database.run("try_endpoint_now", id=endpoint_id, now=to_wire(self._clock.now()))

    def _row(self, workspace_id: str, delivery_id: str) -> dict[str, Any]:
        row = self._database.one("delivery_of_workspace", id=delivery_id, workspace_id=workspace_id)
        if row is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        return row
