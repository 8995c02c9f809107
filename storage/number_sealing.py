"""Seals the numbers that lie in the registry already, seals them anew with another key, or opens them all.

Rule: the registry may be in use. A row is written in its other form only if it is still what was read, and
rounds go on until one finds nothing. Then the keys that are no longer needed are forgotten.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from storage.database import Database
from storage.errors import Conflict, RegistryError, RegistryUnavailable
from storage.number_key_table import forget_other_keys
from storage.sealed_columns import EMPTY, TABLES
from storage.sealed_database import SealedDatabase

log = logging.getLogger(__name__)

BATCH = 200
"""Rows in one transaction: 5 to 20 ms, in which SQLite's other writers wait."""
MOST_ROUNDS = 10
"""One does it and one finds nothing; more where others change rows meanwhile."""

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """How the rows of one table are read in order, and written."""

    table: str
    key: tuple[str, ...]
    """Columns that order the rows."""
    first: tuple[str | int, ...]
    """Before every row's key."""
    read: Callable[[Database, Mapping[str, Any]], list[Row]]
    write: Callable[[Database, Mapping[str, Any]], int]


_KINDS = (
    _Kind(
        table="sessions",
        key=("id",),
        first=("",),
        read=lambda database, after: database.all("sessions_to_seal", **after),
        write=lambda database, row: database.run("reseal_session", **row),
    ),
    _Kind(
        table="events",
        key=("id",),
        first=("",),
        read=lambda database, after: database.all("events_to_seal", **after),
        write=lambda database, row: database.run("reseal_event", **row),
    ),
    _Kind(
        table="stream",
        key=("workspace_id", "position"),
        first=("", 0),
        read=lambda database, after: database.all("stream_to_seal", **after),
        write=lambda database, row: database.run("reseal_streamed", **row),
    ),
    _Kind(
        table="deliveries",
        key=("id",),
        first=("",),
        read=lambda database, after: database.all("deliveries_to_seal", **after),
        write=lambda database, row: database.run("reseal_delivery", **row),
    ),
    _Kind(
        table="delivery_attempts",
        key=("delivery_id", "number"),
        first=("", 0),
        read=lambda database, after: database.all("attempts_to_seal", **after),
        write=lambda database, row: database.run("reseal_attempt", **row),
    ),
    _Kind(
        table="chats",
        key=("session_id", "position"),
        first=("", -1),
        read=lambda database, after: database.all("chats_to_seal", **after),
        write=lambda database, row: database.run("reseal_chat", **row),
    ),
    _Kind(
        table="idempotency_keys",
        key=("workspace_id", "key"),
        first=("", ""),
        read=lambda database, after: database.all("requests_to_seal", **after),
        write=lambda database, row: database.run("reseal_request", **row),
    ),
)


class NumberSealing:
    """Brings every row into the form in which `database` writes: sealed with NUMBERS_KEY, or plain."""

    def __init__(self, database: SealedDatabase) -> None:
        self._sealed = database
        self._rows = database.plain
        self._numbers = database.numbers

    def left(self) -> dict[str, int]:
        """How many rows of each table are in another form. Changes nothing."""
        return {
            kind.table: sum(len(self._changes(kind, rows)) for _, rows in self._batches(kind))
            for kind in _KINDS
        }

    def finish(self) -> dict[str, int]:
        """Change them; gives how many of each table. Raises RegistryError, and Conflict when somebody goes on
        writing the other form."""
        changed = dict.fromkeys((kind.table for kind in _KINDS), 0)
        for _ in range(MOST_ROUNDS):
            missed = 0
            for kind in _KINDS:
                for after, rows in self._batches(kind):
                    written, wanted = self._change(kind, after, rows)
                    changed[kind.table] += written
                    missed += wanted - written
            if not missed and not any(self.left().values()):
                with self._rows.transaction():
                    forget_other_keys(self._rows, self._numbers.key_id)
                self._rows.forget()
                log.info(
                    "numbers_sealed", extra={"key_id": self._numbers.key_id, "rows": sum(changed.values())}
                )
                return changed
        raise Conflict(
            "some process goes on writing numbers in the other form; give every process the same NUMBERS_KEY "
            "and NUMBERS_KEY_OLD as this one, start them again, and run this again"
        )

    def _batches(self, kind: _Kind) -> Iterator[tuple[Row, list[Row]]]:
        """Stretches of a table, each with the parameters that read it."""
        after = _after(kind.first)
        while rows := kind.read(self._rows, after):
            yield after, rows
            after = _after(tuple(rows[-1][name] for name in kind.key))

    def _change(self, kind: _Kind, after: Row, rows: list[Row]) -> tuple[int, int]:
        """How many were written, and how many should have been."""
        changes = self._changes(kind, rows)
        if not changes:
            return 0, 0
        try:
            with self._rows.transaction():
                self._rows.one("yield_to_others")
                if kind.table == "sessions":  # changed by whoever holds their workspaces; read anew under it
                    held = {row["id"] for row in rows}
                    self._rows.one("hold_workspaces_of_sessions", sessions=json.dumps(sorted(held)))
                    again = [row for row in kind.read(self._rows, after) if row["id"] in held]
                    changes = self._changes(kind, again)
                return sum(kind.write(self._rows, change) for change in changes), len(changes)
        except RegistryUnavailable:
            raise
        except RegistryError as error:  # somebody works on one of them; the next round tries again
            log.info("numbers_busy", extra={"table": kind.table, "error": str(error)})
            return 0, len(changes)

    def _changes(self, kind: _Kind, rows: list[Row]) -> list[Row]:
        """Rows that are in another form, in the one that is wanted, with what they were."""
        names = [column.name for column in TABLES[kind.table]]
        changes = []
        for row in rows:
            texts = [row[name] for name in names if row[name] not in (None, EMPTY)]
            if all(self._numbers.is_current(text) for text in texts):
                continue
            before = {f"{name}_before": row[name] for name in names}
            changes.append(
                self._sealed.sealed(kind.table, self._sealed.opened(kind.table, dict(row))) | before
            )
        return changes


def _after(key: tuple[str | int, ...]) -> Row:
    return {**dict(zip(("after", "after_second"), key, strict=False)), "limit": BATCH}
