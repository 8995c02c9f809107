"""What stands on /docs, in the order in which it stands there."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Field:
    """One line of a table."""

    name: str
    kind: Markup
    needed: bool
    text: Markup


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One answer, or one body."""

    title: str
    text: Markup
    kind: Markup
    example: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """One code that a call can answer with."""

    status: str
    code: str
    meaning: Markup


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, or one webhook."""

    anchor: str
    method: str
    path: str
    summary: str
    text: Markup
    credentials: str
    parameters: tuple[Field, ...]
    body: Shown | None
    curl: str
    replies: tuple[Shown, ...]
    refusals: tuple[Refused, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Calls under one heading."""

    anchor: str
    name: str
    text: Markup
    calls: tuple[Call, ...]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One object or enumeration."""

    anchor: str
    name: str
    text: Markup
    words: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, kw_only=True)
class Docs:
    """Everything on the page."""

    title: str
    version: str
    about: tuple[Markup, ...]
    groups: tuple[Group, ...]
    codes: tuple[Refused, ...]
    kinds: tuple[Kind, ...]
