"""The named queries of `sql/queries.sql`. Every statement of the registry stands there, with its purpose.

Form: a line `-- name: what_it_is`, one or more comment lines that say what for, then one statement. Where
PostgreSQL needs another one, it follows after a line `-- postgres`, which may say why.
"""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


_SQL = Path(__file__).with_name("sql")

MIGRATIONS = tuple(sorted((_SQL / "migrations").glob("*.sql")))
"""In the order in which they are applied."""


def parse_queries(text: str, *, postgres: bool = False) -> dict[str, str]:
    """Name to statement. Raises ValueError for a name used twice or a query without a purpose."""
    _, *parts = _HEAD.split(text)
    queries: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        lines = body.strip().splitlines()
        if name in queries:
            raise ValueError(f"query {name} is written twice")
        if not lines or not lines[0].startswith("-- "):
            raise ValueError(f"query {name} does not say what it is for")
        queries[name] = _statement(lines, postgres=postgres)
    return queries


def _statement(lines: list[str], *, postgres: bool) -> str:
    border = next((at for at, line in enumerate(lines) if line.startswith("-- postgres")), None)
    if border is not None:
        lines = lines[border:] if postgres else lines[:border]
    return "\n".join(line for line in lines if not line.startswith("--")).strip().rstrip(";")


_TEXT = (_SQL / "queries.sql").read_text(encoding="utf-8")

QUERIES = parse_queries(_TEXT)
POSTGRES_QUERIES = parse_queries(_TEXT, postgres=True)
"""Still in SQLite's words, where there is no variant; `storage.postgres_sql` translates."""
