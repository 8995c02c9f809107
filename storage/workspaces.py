"""Workspaces: the customers of the backend, their API keys and where they want their webhooks.

Rule: an API key and a webhook secret leave this module readable once, when they are made.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from storage.api_keys import ApiKey, hash_secret, make_key, show_key, split_key
from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.duplicates import DuplicatePolicy
from storage.endpoints import Endpoints
from storage.errors import NotFound
from storage.ids import new_id

LAST_USED_PRECISION = timedelta(minutes=1)
"""Nobody needs to know more exactly when a key was used, and every write costs the write lock."""

WEBHOOK_SECRET_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One customer of the backend."""

    id: str
    name: str
    webhook_secret: str
    created_at: datetime
    duplicate_policy: DuplicatePolicy = DuplicatePolicy.REPLACE
    """What happens when an account is linked that is linked already."""
    allowed_origins: tuple[str, ...] = ()
    """Who may show the workspace's hosted pages in a frame, and is told there how they stand."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Workspace:
        return cls(
            id=row["id"],
            name=row["name"],
            webhook_secret=row["webhook_secret"],
            created_at=from_wire(row["created_at"]),
            duplicate_policy=DuplicatePolicy(row["duplicate_policy"]),
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

    def create(
        self,
        name: str,
        webhook_url: str | None = None,
        duplicate_policy: DuplicatePolicy = DuplicatePolicy.REPLACE,
    ) -> NewWorkspace:
        """A new workspace with its first key."""
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
            return NewWorkspace(workspace=workspace, api_key=self.create_key(workspace.id))

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

    def all(self) -> list[Workspace]:
        """Every workspace, oldest first."""
        return [Workspace.from_row(row) for row in self._database.all("workspaces")]

    def set_duplicate_policy(self, workspace_id: str, policy: DuplicatePolicy) -> Workspace:
        """From the next link on; what is linked twice already stays so. Raises NotFound."""
        with self._database.transaction():
            self._database.run("set_duplicate_policy", id=workspace_id, duplicate_policy=policy.value)
            return self.get(workspace_id)

    def create_key(self, workspace_id: str) -> str:
        """Another key for a workspace; the only time it can be read. Raises NotFound."""
        self.get(workspace_id)
        prefix, secret = make_key()
        with self._database.transaction():
            self._database.run(
                "insert_api_key",
                prefix=prefix,
                workspace_id=workspace_id,
                secret_sha256=hash_secret(secret),
                created_at=to_wire(self._clock.now()),
            )
        return show_key(prefix, secret)

    def revoke_key(self, prefix: str) -> None:
        """End a key at once. Raises NotFound."""
        with self._database.transaction():
            if not self._database.run("revoke_api_key", prefix=prefix, now=to_wire(self._clock.now())):
                raise NotFound(f"there is no key {prefix} that is not revoked already")

    def authenticate(self, key: str) -> Workspace | None:
        """Whose key this is; None when it is nobody's or revoked."""
        parts = split_key(key)
        if parts is None:
            return None
        row = self._database.one("api_key", prefix=parts[0])
        if row is None:
            return None
        api_key = ApiKey.from_row(row)
        if not api_key.opens_with(parts[1]) or api_key.revoked_at is not None:
            return None
        self._touch(api_key)
        return self.get(api_key.workspace_id)

    def _touch(self, api_key: ApiKey) -> None:
        now = self._clock.now()
        stale_before = now - LAST_USED_PRECISION
        if api_key.last_used_at is None or api_key.last_used_at < stale_before:
            with self._database.transaction():
                self._database.run(
                    "touch_api_key",
                    prefix=api_key.prefix,
                    now=to_wire(now),
                    stale_before=to_wire(stale_before),
                )

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
