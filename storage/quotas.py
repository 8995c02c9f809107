"""What a workspace may have at a time: sessions, starts, links.

Rule: a place is checked in the transaction that takes it, with the workspace's row held, after it was
taken: too many takes it back.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Database
from storage.errors import NotFound, QuotaExceeded
from storage.models import LINKED, SessionStatus, Wanted

_ON_THE_WAY = frozenset(
    {
        SessionStatus.QUEUED,
        SessionStatus.STARTING,
        SessionStatus.QR_SCANNING,
        SessionStatus.PASSKEY_REQUIRED,
        SessionStatus.AUTHENTICATED,
    }
)


@dataclass(frozen=True, kw_only=True)
class Quotas:
    """Of one workspace; None is no limit."""

    max_sessions: int | None = None
    """Sessions that are not deleted, whatever became of them."""
    max_starting: int | None = None
    """Sessions between a start and a link: each has a browser, or a place in the queue for one."""
    max_linked: int | None = None
    """Linked sessions, and those on their way to it: a QR on display is a place that was promised."""


class QuotaTable:
    """The quotas of the registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, workspace_id: str) -> Quotas:
        """Raises NotFound."""
        row = self._database.one("quotas_of_workspace", id=workspace_id)
        if row is None:
            raise NotFound(f"there is no workspace {workspace_id}")
        return Quotas(**row)

    def set(self, workspace_id: str, quotas: Quotas) -> None:
        """From the next session on; what is there already stays. Raises NotFound."""
        with self._database.transaction():
            if not self._database.run(
                "set_quotas",
                id=workspace_id,
                max_sessions=quotas.max_sessions,
                max_starting=quotas.max_starting,
                max_linked=quotas.max_linked,
            ):
                raise NotFound(f"there is no workspace {workspace_id}")

    def check(self, workspace_id: str, *, starts: bool) -> None:
        """Whether what this transaction has just taken was there. Raises QuotaExceeded."""
        quotas = self.get(workspace_id)
        if quotas == Quotas():
            return
        self._database.one("hold_workspace", id=workspace_id)
        sessions = starting = linked = 0
        for row in self._database.all("count_of_workspace", workspace_id=workspace_id):
            status, number = SessionStatus(row["status"]), row["sessions"]
            sessions += number
            begun = status is SessionStatus.CREATED and row["wanted"] == Wanted.OPEN
            starting += number if begun or status in _ON_THE_WAY else 0
            linked += number if status in LINKED else 0
        if _over(sessions, quotas.max_sessions):
            raise QuotaExceeded(
                f"the workspace has its {quotas.max_sessions} sessions; delete one that is not needed",
                code="session_quota",
                passes=False,
            )
        if not starts:
            return
        if _over(linked + starting, quotas.max_linked):
            raise QuotaExceeded(
                f"the workspace has its {quotas.max_linked} links, with those that wait for a scan; "
                "log one out, or wait until a QR expires",
                code="link_quota",
                passes=False,
            )
        if _over(starting, quotas.max_starting):
            raise QuotaExceeded(
                f"{quotas.max_starting} sessions of the workspace are starting or wait for a scan; "
                "try again when one of them is linked or expired",
                code="start_quota",
                passes=True,
            )


def _over(number: int, most: int | None) -> bool:
    return most is not None and number > most
