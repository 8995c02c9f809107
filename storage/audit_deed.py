"""What is being done on this thread, so that the transaction that does it writes down who did it.

Rule: a deed is written by the first transaction that commits while it is under way, together with the change,
or not at all. Whoever began it writes the ones that changed nothing, and ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Deed:
    """One thing that somebody does, from the moment they are known until they are answered."""

    write: Callable[[dict[str, str]], None]
    """Writes it down, given its subjects; inside a transaction."""
    subjects: dict[str, str] = field(default_factory=dict)
    """Ids of what it is done to."""
    written: bool = False


_current: ContextVar[Deed | None] = ContextVar("deed", default=None)


def begin(deed: Deed) -> None:
    """From here on, until `end`."""
    _current.set(deed)


def end() -> Deed | None:
    """What was under way on this thread, if anything."""
    deed = _current.get()
    _current.set(None)
    return deed


def concerns(**ids: str) -> None:
    """Name what the deed is done to; nothing when none is under way."""
    deed = _current.get()
    if deed is not None:
        deed.subjects.update(ids)


def write_before_commit() -> None:
    """For the database, as the last thing in a transaction."""
    deed = _current.get()
    if deed is not None and not deed.written:
        deed.write(deed.subjects)


def committed() -> None:
    """For the database, once the transaction is committed."""
    deed = _current.get()
    if deed is not None:
        deed.written = True
