"""How the command line finds the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from storage.database import Database, sqlite_path, sqlite_url


def registry_url() -> str:
    """DATABASE_URL, or the registry in DATA_DIR."""
    return os.environ.get("DATABASE_URL") or sqlite_url(os.environ.get("DATA_DIR"))


def registry_exists() -> bool:
    """Without making one. Raises ConfigError."""
    return sqlite_path(registry_url()).exists()


@contextmanager
def open_registry() -> Iterator[Database]:
    """The registry, brought up to date."""
    database = Database(registry_url())
    try:
        database.migrate()
        yield database
    finally:
        database.close()
