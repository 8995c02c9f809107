"""Bodies that a backend sends about its API keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from functions.bodies import Body
from functions.webhook_requests import Moment
from storage.api_keys import Scope
from storage.clock import from_wire

LONGEST_GRACE = timedelta(days=30)


def _scopes(names: list[str]) -> list[str]:
    for name in names:
        if name not in set(Scope):
            raise ValueError(f"{name[:60]!r} is no scope; known are {', '.join(Scope)}")
    if len(set(names)) != len(names):
        raise ValueError("name every scope once")
    return names


def _name(name: str) -> str:
    if not name.isprintable() or name != name.strip():
        raise ValueError("must be printable, without spaces around it")
    return name


Scopes = Annotated[list[str], Field(min_length=1, max_length=len(Scope)), AfterValidator(_scopes)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_name)]


class NewKeyRequest(Body):
    """Body of POST /api/keys."""

    scopes: Scopes
    name: Name | None = None
    expires_at: Moment | None = None

    @property
    def expires(self) -> datetime | None:
        return None if self.expires_at is None else from_wire(self.expires_at)


class KeyRotation(Body):
    """Body of POST /api/keys/{prefix}/rotate."""

    grace_seconds: Annotated[int, Field(ge=0, le=LONGEST_GRACE // timedelta(seconds=1))] = 86_400
    """A day: long enough to roll a new key out, short enough to end a leaked one."""

    @property
    def grace(self) -> timedelta:
        return timedelta(seconds=self.grace_seconds)
