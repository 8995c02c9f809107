"""The named queries of `sql/queries.sql`. Every statement of the registry stands there, with its purpose.

Form: a line `-- name: what_it_is`, one or more comment lines that say what for, then one statement.
"""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def parse_queries(text: str) -> dict[str, str]:
    """Name to statement. Raises ValueError for a name used twice or a query without a purpose."""
    _, *parts = _HEAD.split(text)
    queries: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        lines = body.strip().splitlines()
        if name in queries:
            raise ValueError(f"query {name} is written twice")
        if not lines or not lines[0].startswith("-- "):
            raise ValueError(f"query {name} does not say what it is for")
        queries[name] = "\n".join(line for line in lines if not line.startswith("--")).strip().rstrip(";")
    return queries


QUERIES = parse_queries(Path(__file__).with_name("sql").joinpath("queries.sql").read_text(encoding="utf-8"))
