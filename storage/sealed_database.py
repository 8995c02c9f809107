"""The registry's database with its numbers sealed: what goes in is sealed, what comes out is plain.

Rule: whoever asks the registry knows nothing of it. `storage.sealed_columns` says what is sealed; here it is
done, and nowhere else. Without keys nobody opens one of these, so it costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from storage.database import Database
from storage.errors import NumbersSealed, RegistryError
from storage.sealed_columns import EMPTY, LOOKUPS, READS, TABLES, WRITES, WRITES_CHATS, SealedColumn
from storage.sealed_number import Damaged, Numbers, UnknownKey


class SealedDatabase:
    """A `Database` over another one."""

    def __init__(self, plain: Database, numbers: Numbers) -> None:
        self.plain = plain
        """As the rows are."""
        self.numbers = numbers

    def one(self, query: str, **parameters: Any) -> dict[str, Any] | None:
        """The first row of a named query, or None."""
        row = self.plain.one(query, **self._written(query, parameters))
        return row if row is None or query not in READS else self.opened(READS[query], row)

    def all(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Every row of a named query."""
        rows = self.plain.all(query, **self._written(query, parameters))
        return [self.opened(READS[query], row) for row in rows] if query in READS else rows

    def run(self, query: str, **parameters: Any) -> int:
        """Execute a named query that writes; give the number of rows it changed."""
        return self.plain.run(query, **self._written(query, parameters))

    # ── sealing ──────────────────────────────────────────────────────────────

    def sealed(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row as it is to be kept."""
        kept = dict(row)
        for column in TABLES[table]:
            text = row.get(column.name)
            if text is not None and text != EMPTY:
                kept[column.name] = self.numbers.seal(_place(table, column, row), text, alike=column.alike)
        return kept

    def opened(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """A row that can be read. Raises NumbersSealed, RegistryError."""
        for column in TABLES[table]:
            text = row.get(column.name)
            if text is not None:
                row[column.name] = self._open(table, column, row, text)
        return row

    def _open(self, table: str, column: SealedColumn, row: Mapping[str, Any], text: str) -> str:
        try:
            return self.numbers.open(_place(table, column, row), text, alike=column.alike)
        except UnknownKey as error:
            if (
                column.foreign
            ):  # no key of this registry, or this process would not have started: somebody's joke
                return text
            raise NumbersSealed(
                f"{column.name} of {table} is sealed with key {error.key_id}, which this process was not "
                "given; give it as NUMBERS_KEY_OLD, and start it again"
            ) from error
        except Damaged as error:
            raise RegistryError(
                f"the sealed {column.name} of {table} ({column.bound_to} {row[column.bound_to]}) is damaged; "
                "put the row back from a copy of the registry"
            ) from error

    def _written(self, query: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters with what they hold of numbers sealed, or in every way that it may be written."""
        if query in WRITES:
            return self.sealed(WRITES[query], parameters)
        if query == WRITES_CHATS:
            return self._chats_written(parameters)
        if query in LOOKUPS:
            return parameters | {
                name: self._ways(READS[query], column, parameters[name], parameters)
                for name, column in LOOKUPS[query].items()
            }
        return parameters

    def _chats_written(self, parameters: dict[str, Any]) -> dict[str, Any]:
        session_id = parameters["session_id"]
        chats = [
            self.sealed("chats", {**chat, "session_id": session_id})
            for chat in json.loads(parameters["chats"])
        ]
        return parameters | {"chats": json.dumps(chats, separators=(",", ":"), ensure_ascii=False)}

    def _ways(self, table: str, name: str, texts: str | None, parameters: Mapping[str, Any]) -> str | None:
        if texts is None:
            return None
        column = next(column for column in TABLES[table] if column.name == name)
        place = _place(table, column, parameters)
        return json.dumps([way for text in json.loads(texts) for way in self.numbers.ways(place, text)])

    # ── the rest is the database's own ───────────────────────────────────────

    def transaction(self) -> AbstractContextManager[None]:
        """One write transaction; an inner one joins the outer one. All or nothing."""
        return self.plain.transaction()

    def hold(self, name: str) -> None:
        """Until the transaction ends nobody else holds this name."""
        self.plain.hold(name)

    def answers(self) -> bool:
        """Whether the tables can be read, for probes."""
        return self.plain.answers()

    def data_version(self) -> int | str:
        """Something that changes when somebody else commits."""
        return self.plain.data_version()

    def migrate(self) -> list[str]:
        """Apply what is missing, in order; give the names."""
        return self.plain.migrate()

    def forget(self) -> None:
        """Take what was deleted out of the files."""
        self.plain.forget()

    def missing_migrations(self) -> list[str]:
        """Names of the migrations that this code knows and the tables have not seen."""
        return self.plain.missing_migrations()

    def close(self) -> None:
        """Close the connections of all threads. Twice is fine."""
        self.plain.close()


def _place(table: str, column: SealedColumn, row: Mapping[str, Any]) -> str:
    return f"{table}.{column.name}/{row[column.bound_to]}"
