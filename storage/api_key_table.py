"""The API keys of workspaces: making, finding, rotating and ending them.

Rule: a key's secret leaves this module readable once, when it is made. A workspace cannot revoke its last
key with the scope `admin`; the operator's command line can, for it can make another.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from storage.api_keys import ApiKey, KeyStatus, Scope, hash_secret, make_key, show_key, split_key
from storage.audit_deed import concerns
from storage.clock import Clock, to_wire
from storage.database import Database
from storage.errors import Conflict, NotFound

log = logging.getLogger(__name__)

LAST_USED_PRECISION = timedelta(minutes=1)
"""Nobody needs to know more exactly when a key was used, and every write costs the write lock."""

MOST_KEYS = 100
"""Active ones of a workspace: more than any team has services, few enough to look through."""


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key that was just made. Its maker gets to see `api_key` once."""

    key: ApiKey
    api_key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class RotatedKey:
    """A new key, and the one whose place it takes, with the time until which that one still works."""

    new: NewKey
    previous: ApiKey


_NOBODYS: Mapping[str, Any] = {
    "prefix": "",
    "workspace_id": "",
    "secret_sha256": "no secret has this hash",
    "created_at": "2026-01-01T00:00:00.000Z",
    "last_used_at": "2026-01-01T00:00:00.000Z",
    "revoked_at": None,
    "expires_at": None,
    "name": "nobody's",
    "scopes": "sessions read",
    "replaced_by": None,
}


class ApiKeys:
    """The keys in the registry."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(
        self,
        workspace_id: str,
        scopes: Sequence[Scope] = (Scope.ADMIN,),
        *,
        name: str | None = None,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Another key. Raises NotFound for the workspace, Conflict `too_many_keys`."""
        prefix, secret = make_key()
        now = self._clock.now()
        with self._database.transaction():
            self._hold(workspace_id)
            if len(self._active(workspace_id, now)) >= MOST_KEYS:
                raise Conflict(
                    f"the workspace has {MOST_KEYS} active keys; revoke one first", code="too_many_keys"
                )
            self._database.run(
                "insert_api_key",
                prefix=prefix,
                workspace_id=workspace_id,
                secret_sha256=hash_secret(secret),
                created_at=to_wire(now),
                name=name,
                scopes=" ".join(scopes),
                expires_at=None if expires_at is None else to_wire(expires_at),
            )
            concerns(prefix=prefix)
            key = self.get(prefix, workspace_id)
        return NewKey(key=key, api_key=show_key(prefix, secret))

    def get(self, prefix: str, workspace_id: str | None = None) -> ApiKey:
        """A key, of this workspace if one is named. Raises NotFound."""
        row = self._database.one("api_key", prefix=prefix)
        if row is None or workspace_id not in {None, row["workspace_id"]}:
            raise NotFound(f"there is no key {prefix}")
        return ApiKey.from_row(row)

    def page(
        self, workspace_id: str, *, before: tuple[str, str] | None = None, limit: int = 50
    ) -> list[ApiKey]:
        """One page of a workspace's keys, the newest first; `before` is a time of creation and a prefix."""
        created_at, prefix = before or (None, None)
        rows = self._database.all(
            "api_keys_of_workspace",
            workspace_id=workspace_id,
            created_at=created_at,
            prefix=prefix,
            limit=limit,
        )
        return [ApiKey.from_row(row) for row in rows]

    def authenticate(self, key: str) -> ApiKey | None:
        """The key itself when it is one that opens something."""
        parts = split_key(key)
        if parts is None:
            return None
        hashed = hash_secret(parts[1])
        row = self._database.one("api_key", prefix=parts[0])
        api_key = ApiKey.from_row(row or _NOBODYS)  # the same work, so that time does not tell of a prefix
        if not api_key.opens_with(hashed):
            return None
        status = api_key.status(self._clock.now())
        if status is not KeyStatus.ACTIVE:
            log.warning("ended_key_used", extra={"key_prefix": api_key.prefix, "status": status.value})
            return None
        self._touch(api_key)
        return api_key

    def rotate(self, prefix: str, grace: timedelta, workspace_id: str | None = None) -> RotatedKey:
        """A new key of the same name, scopes and length of life; the present one works for `grace` longer.

        Asking again, because the answer was lost, ends a successor that was never used. Raises NotFound,
        Conflict `key_ended`, `already_rotated`, `too_many_keys`.
        """
        now = self._clock.now()
        with self._database.transaction():
            key = self.get(prefix, workspace_id)
            self._hold(key.workspace_id)
            key = self.get(prefix)
            if key.status(now) is not KeyStatus.ACTIVE:
                raise Conflict(f"key {prefix} is {key.status(now)}; make a new one instead", code="key_ended")
            new = self.create(
                key.workspace_id, key.scopes, name=key.name, expires_at=self._successor_expires_at(key, now)
            )
            until = now + grace if key.expires_at is None else min(key.expires_at, now + grace)
            self._database.run(
                "replace_api_key", prefix=prefix, replaced_by=new.key.prefix, expires_at=to_wire(until)
            )
            concerns(prefix=prefix, replaced_by=new.key.prefix)
            return RotatedKey(new=new, previous=self.get(prefix))

    def revoke(self, prefix: str, workspace_id: str | None = None, *, even_last: bool = False) -> ApiKey:
        """End a key at once; again is no change. Raises NotFound, Conflict `last_admin_key`."""
        now = self._clock.now()
        with self._database.transaction():
            key = self.get(prefix, workspace_id)
            self._hold(key.workspace_id)
            admins = {one.prefix for one in self._active(key.workspace_id, now) if one.allows(Scope.ADMIN)}
            if admins == {prefix} and not even_last:
                raise Conflict(
                    f"{prefix} is the workspace's last key with the scope admin; make another one first",
                    code="last_admin_key",
                )
            self._database.run("revoke_api_key", prefix=prefix, now=to_wire(now))
            return self.get(prefix)

    def has_admin(self, workspace_id: str) -> bool:
        """Whether the workspace can still help itself."""
        return any(key.allows(Scope.ADMIN) for key in self._active(workspace_id, self._clock.now()))

    def _successor_expires_at(self, key: ApiKey, now: datetime) -> datetime | None:
        """As long a life as its predecessor was given; an unused successor of before makes room."""
        if key.replaced_by is None:
            return None if key.expires_at is None else now + (key.expires_at - key.created_at)
        earlier = self.get(key.replaced_by)
        if earlier.last_used_at is not None:
            raise Conflict(
                f"key {key.prefix} was rotated, and {earlier.prefix} is in use; rotate that one",
                code="already_rotated",
            )
        self._database.run("revoke_api_key", prefix=earlier.prefix, now=to_wire(now))
        return earlier.expires_at

    def _hold(self, workspace_id: str) -> None:
        """Until the commit nobody else changes the workspace's keys. Raises NotFound."""
        if self._database.one("hold_workspace", id=workspace_id) is None:
            raise NotFound(f"there is no workspace {workspace_id}")

    def _active(self, workspace_id: str, now: datetime) -> list[ApiKey]:
        rows = self._database.all("active_api_keys", workspace_id=workspace_id, now=to_wire(now))
        return [ApiKey.from_row(row) for row in rows]

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
