"""What the registry still has to do, read from its file beside the running functions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def unerased(registry: Path) -> int:
    """Deleted sessions whose profile is still to be destroyed."""
    sql = "select count(*) from sessions where deleted_at is not null and erased_at is null"
    return _count(registry, sql)


def owed(registry: Path) -> int:
    """Webhooks that are still to be delivered, or to be tried again."""
    return _count(registry, "select count(*) from deliveries where status = 'pending'")


def _count(registry: Path, sql: str) -> int:
    with closing(sqlite3.connect(f"file:{registry}?mode=ro", uri=True, timeout=10)) as database:
        count: int = database.execute(sql).fetchone()[0]
    return count
