"""Erases a workspace: first everything that its nodes and the object store hold, then every row.

Rule: rows go last. As long as a node may still have a login, the registry has to know of it, or nobody would
ever remove the device and destroy its snapshots.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from storage.clock import Clock, to_wire
from storage.database import Database
from storage.errors import NotFound
from storage.registry import Registry

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Remains:
    """What there is of a workspace."""

    sessions: int
    held: int
    """Of them, so many are still with their node, or have snapshots that it has yet to destroy."""
    with_snapshots: int
    chats: int
    events: int
    deliveries: int
    endpoints: int
    api_keys: int


class WorkspaceErasure:
    """`remains`, then `begin`, then `finish` until it says that all is gone."""

    def __init__(self, database: Database, registry: Registry, clock: Clock) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    def remains(self, workspace_id: str) -> Remains:
        """Changes nothing. Raises NotFound."""
        if self._database.one("workspace_by_id", id=workspace_id) is None:
            raise NotFound(f"there is no workspace {workspace_id}")
        row = self._database.one("remains_of_workspace", id=workspace_id)
        assert row is not None
        return Remains(**row)

    def begin(self, workspace_id: str) -> None:
        """Shut it out, and want every session gone: devices are removed, logins and snapshots destroyed."""
        with self._database.transaction():
            now = to_wire(self._clock.now())
            self._database.run("revoke_keys_of_workspace", id=workspace_id, now=now)
        for row in self._database.all("sessions_to_delete", id=workspace_id):
            self._registry.request_delete(row["id"])
        log.info("workspace_leaves", extra={"workspace_id": workspace_id})

    def finish(self, workspace_id: str) -> bool:
        """Remove every row once no node holds anything; False while one does. Raises NotFound."""
        with self._database.transaction():
            self._database.one("hold_workspace", id=workspace_id)
            remains = self.remains(workspace_id)
            if remains.held or self._database.all("sessions_to_delete", id=workspace_id):
                return False
            self._database.run("erase_stream", id=workspace_id)
            self._database.run("erase_deliveries", id=workspace_id)
            self._database.run("erase_endpoints", id=workspace_id)
            self._database.run("erase_chats", id=workspace_id)
            self._database.run("erase_idempotency_keys", id=workspace_id)
            self._database.run("erase_events", id=workspace_id)
            self._database.run("part_replaced_sessions", id=workspace_id)
            self._database.run("erase_sessions", id=workspace_id)
            self._database.run("erase_api_keys", id=workspace_id)
            self._database.run("erase_workspace", id=workspace_id)
        self._database.forget()
        log.info("workspace_erased", extra={"workspace_id": workspace_id})
        return True
