"""The audit log: who did what, to which ids, when, from which network, and what came of it.

Rule: a line holds ids and never a number, a name of a person or a secret, and nothing changes it but a later
word on its outcome. It is kept on its own terms, not with what it tells of.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.ids import new_id

_EXPORT_BATCH = 500
_NETWORK_BITS = {4: 24, 6: 48}
"""An office or a provider's street, not a household."""


class ActorKind(StrEnum):
    """Who can do something. Wire names."""

    KEY = "key"
    """A backend: `actor` is the prefix of its API key."""
    OPERATOR = "operator"
    """The command line: `actor` is the user of the machine."""
    NODE = "node"
    """A browser pool: `actor` is its id."""
    LINK = "link"
    """A person on a hosted page: `actor` is the session whose link it is."""


class AuditOutcome(StrEnum):
    """What came of it. Wire names."""

    DONE = "done"
    REFUSED = "refused"
    """Not allowed, or not possible as things stood; `code` says why."""
    FAILED = "failed"
    """Ours or a node's fault. What was wished for may still come true."""


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One line."""

    id: str
    at: datetime
    workspace_id: str | None
    actor_kind: ActorKind
    actor: str
    action: str
    """The route by its name, such as sessions.create, or what the operator or the node did."""
    subjects: Mapping[str, str] = field(default_factory=dict)
    outcome: AuditOutcome = AuditOutcome.DONE
    code: str | None = None
    request_id: str | None = None
    address: str | None = None
    """The network that it came from, as `mask_address` writes it."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> AuditEntry:
        return cls(
            id=row["id"],
            at=from_wire(row["at"]),
            workspace_id=row["workspace_id"],
            actor_kind=ActorKind(row["actor_kind"]),
            actor=row["actor"],
            action=row["action"],
            subjects=json.loads(row["subjects"]),
            outcome=AuditOutcome(row["outcome"]),
            code=row["code"],
            request_id=row["request_id"],
            address=row["address"],
        )

    def to_wire(self) -> dict[str, Any]:
        """As the API and the export show it."""
        return {
            "id": self.id,
            "at": to_wire(self.at),
            "workspace_id": self.workspace_id,
            "actor": {"kind": self.actor_kind.value, "id": self.actor},
            "action": self.action,
            "subjects": dict(self.subjects),
            "outcome": self.outcome.value,
            "code": self.code,
            "request_id": self.request_id,
            "address": self.address,
        }


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which lines of a workspace to give; what is None does not filter."""

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLog:
    """The lines in the registry."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def entry(
        self,
        actor_kind: ActorKind,
        actor: str,
        action: str,
        *,
        workspace_id: str | None,
        subjects: Mapping[str, str] | None = None,
        **more: Any,
    ) -> AuditEntry:
        """A line about this moment, not written yet."""
        return entry_at(
            self._clock.now(),
            actor_kind,
            actor,
            action,
            workspace_id=workspace_id,
            subjects=subjects or {},
            **more,
        )

    def write(self, entry: AuditEntry) -> None:
        """Keep it; in the transaction that is under way, or in one of its own."""
        with self._database.transaction():
            self._database.run(
                "insert_audit",
                id=entry.id,
                at=to_wire(entry.at),
                workspace_id=entry.workspace_id,
                actor_kind=entry.actor_kind.value,
                actor=entry.actor,
                action=entry.action,
                subjects=json.dumps(dict(entry.subjects), separators=(",", ":")),
                outcome=entry.outcome.value,
                code=entry.code,
                request_id=entry.request_id,
                address=entry.address,
            )

    def correct(self, entry_id: str, outcome: AuditOutcome, code: str | None) -> None:
        """Its change was committed, and then the rest went wrong."""
        with self._database.transaction():
            self._database.run("correct_audit", id=entry_id, outcome=outcome.value, code=code)

    def page(
        self, workspace_id: str, wanted: AuditFilter, *, before: str | None = None, limit: int = 50
    ) -> list[AuditEntry]:
        """One page of a workspace's log, the newest first."""
        rows = self._database.all(
            "audit_of_workspace",
            workspace_id=workspace_id,
            actor=wanted.actor,
            action=wanted.action,
            since=_wire(wanted.since),
            until=_wire(wanted.until),
            before=before,
            limit=limit,
        )
        return [AuditEntry.from_row(row) for row in rows]

    def export(
        self, since: datetime | None, until: datetime | None, workspace_id: str | None
    ) -> Iterator[AuditEntry]:
        """Everything in order, of one workspace or of all, read a batch at a time."""
        after = ""
        while True:
            rows = self._database.all(
                "audit_export",
                workspace_id=workspace_id,
                since=_wire(since),
                until=_wire(until),
                after=after,
                limit=_EXPORT_BATCH,
            )
            yield from (AuditEntry.from_row(row) for row in rows)
            if len(rows) < _EXPORT_BATCH:
                return
            after = rows[-1]["id"]


def entry_at(now: datetime, actor_kind: ActorKind, actor: str, action: str, **more: Any) -> AuditEntry:
    """A line about a moment."""
    return AuditEntry(id=new_id(now), at=now, actor_kind=actor_kind, actor=actor, action=action, **more)


def mask_address(address: str | None) -> str | None:
    """The network of an address: 203.0.113.0/24, 2001:db8:7::/48.

    A hash would not hide it: there are too few addresses. The network is enough to tell one's own office from
    somewhere else.
    """
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    return str(ipaddress.ip_network((int(known), _NETWORK_BITS[known.version]), strict=False))


def _wire(moment: datetime | None) -> str | None:
    return None if moment is None else to_wire(moment)
