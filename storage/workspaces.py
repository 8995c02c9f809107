"""Workspaces: the customers of the backend, how their pages look and where they want their webhooks.

Rule: a webhook secret leaves this module readable once, when it is made.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from storage.api_key_table import ApiKeys
from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.duplicates import DuplicatePolicy
from storage.endpoints import Endpoints
from storage.errors import NotFound
from storage.ids import new_id
from storage.page_settings import read_color, read_logo, read_origins

WEBHOOK_SECRET_BYTES = 32
MOST_DAYS = 3650
"""Ten years. The table holds it as well."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One customer of the backend."""

    id: str
    name: str
    webhook_secret: str
    created_at: datetime
    duplicate_policy: DuplicatePolicy = DuplicatePolicy.REPLACE
    """What happens when an account is linked that is linked already."""
    accent_color: str | None = None
    """Of buttons and marks on hosted pages, #rrggbb."""
    logo_url: str | None = None
    logo_origins: tuple[str, ...] = ()
    """Where a logo may come from; the operator's word."""
    allowed_origins: tuple[str, ...] = ()
    """Who may show the workspace's hosted pages in a frame, and is told there how they stand."""
    events_keep_days: int | None = None
    """How long events and webhooks are remembered; None as the environment says."""
    ended_keep_days: int | None = None
    """How long ended sessions are kept; 0 until somebody deletes them, None as the environment says."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Workspace:
        return cls(
            id=row["id"],
            name=row["name"],
            webhook_secret=row["webhook_secret"],
            created_at=from_wire(row["created_at"]),
            duplicate_policy=DuplicatePolicy(row["duplicate_policy"]),
            accent_color=row["accent_color"],
            logo_url=row["logo_url"],
            logo_origins=tuple(json.loads(row["logo_origins"])),
            allowed_origins=tuple(json.loads(row["allowed_origins"])),
            events_keep_days=row["events_keep_days"],
            ended_keep_days=row["ended_keep_days"],
        )


@dataclass(frozen=True, kw_only=True)
class NewWorkspace:
    """What its maker gets to see once."""

    workspace: Workspace
    api_key: str


@dataclass(frozen=True, kw_only=True)
class NewSecret:
    """What signs from now on, and until when the one before signs, too. Its maker gets to see it once."""

    webhook_secret: str = field(repr=False)
    previous_valid_until: datetime | None


class Workspaces:
    """The workspaces of the registry."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.keys = ApiKeys(database, clock)

    def create(
        self,
        name: str,
        webhook_url: str | None = None,
        duplicate_policy: DuplicatePolicy = DuplicatePolicy.REPLACE,
    ) -> NewWorkspace:
        """A new workspace with its first key, which may do everything."""
        now = self._clock.now()
        workspace = Workspace(
            id=new_id(now),
            name=name,
            webhook_secret=_make_webhook_secret(),
            created_at=now,
            duplicate_policy=duplicate_policy,
        )
        with self._database.transaction():
            self._database.run(
                "insert_workspace",
                id=workspace.id,
                name=name,
                webhook_secret=workspace.webhook_secret,
                created_at=to_wire(now),
                duplicate_policy=duplicate_policy.value,
            )
            if webhook_url is not None:
                self.add_endpoint(workspace.id, webhook_url)
            return NewWorkspace(workspace=workspace, api_key=self.keys.create(workspace.id).api_key)

    def bring_back(self, workspace_id: str, name: str) -> Workspace:
        """A workspace whose row was lost: its id again, and a new webhook secret. It has no key yet."""
        now = self._clock.now()
        workspace = Workspace(
            id=workspace_id, name=name, webhook_secret=_make_webhook_secret(), created_at=now
        )
        with self._database.transaction():
            self._database.run(
                "insert_workspace",
                id=workspace_id,
                name=name,
                webhook_secret=workspace.webhook_secret,
                created_at=to_wire(now),
                duplicate_policy=workspace.duplicate_policy.value,
            )
        return workspace

    def get(self, workspace_id: str) -> Workspace:
        """Raises NotFound."""
        row = self._database.one("workspace_by_id", id=workspace_id)
        if row is None:
            raise NotFound(f"there is no workspace {workspace_id}")
        return Workspace.from_row(row)

    def signing_secrets(self, workspace_id: str) -> tuple[str, ...]:
        """What signs now: the secret, and the one before while it is valid. Raises NotFound."""
        row = self._database.one("workspace_by_id", id=workspace_id)
        if row is None:
            raise NotFound(f"there is no workspace {workspace_id}")
        until = row["webhook_secret_previous_until"]
        if until is None or from_wire(until) <= self._clock.now():
            return (row["webhook_secret"],)
        return (row["webhook_secret"], row["webhook_secret_previous"])

    def all(self) -> list[Workspace]:
        """Every workspace, oldest first."""
        return [Workspace.from_row(row) for row in self._database.all("workspaces")]

    def change(self, workspace_id: str, change: Callable[[Workspace], Workspace]) -> Workspace:
        """Change its name, policy, look or origins. Raises NotFound, BadSetting."""
        with self._database.transaction():
            if self._database.one("hold_workspace", id=workspace_id) is None:
                raise NotFound(f"there is no workspace {workspace_id}")
            after = change(self.get(workspace_id))
            self._database.run(
                "save_workspace",
                id=workspace_id,
                name=after.name,
                duplicate_policy=after.duplicate_policy.value,
                accent_color=None if after.accent_color is None else read_color(after.accent_color),
                logo_url=None if after.logo_url is None else read_logo(after.logo_url, after.logo_origins),
                logo_origins=json.dumps(read_origins(after.logo_origins, "logo_origins")),
                allowed_origins=json.dumps(read_origins(after.allowed_origins, "allowed_origins")),
                events_keep_days=after.events_keep_days,
                ended_keep_days=after.ended_keep_days,
            )
            return self.get(workspace_id)

    def set_duplicate_policy(self, workspace_id: str, policy: DuplicatePolicy) -> Workspace:
        """From the next link on; what is linked twice already stays so. Raises NotFound."""
        return self.change(workspace_id, lambda workspace: replace(workspace, duplicate_policy=policy))

    def add_endpoint(self, workspace_id: str, url: str, session_id: str | None = None) -> str:
        """Send this workspace's events (of one session) there, too: all of them, and nothing beside."""
        return Endpoints(self._database, self._clock).add(workspace_id, url, session_id=session_id).id

    def rotate_webhook_secret(self, workspace_id: str, overlap: timedelta) -> NewSecret:
        """Sign with a new secret; until `overlap` has passed with the present one, too. Raises NotFound.

        A secret that was still in its own overlap signs no more: a webhook carries two signatures at most.
        """
        self.get(workspace_id)
        until = self._clock.now() + overlap if overlap else None
        new = NewSecret(webhook_secret=_make_webhook_secret(), previous_valid_until=until)
        with self._database.transaction():
            self._database.run(
                "rotate_webhook_secret",
                id=workspace_id,
                secret=new.webhook_secret,
                previous_until=None if until is None else to_wire(until),
            )
        return new


def _make_webhook_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(WEBHOOK_SECRET_BYTES)).decode()
