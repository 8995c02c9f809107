"""How the command line finds the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from storage.database import Database, is_postgres, open_database, sqlite_path, sqlite_url


def registry_url() -> str:
    """DATABASE_URL, or the registry in DATA_DIR."""
    return os.environ.get("DATABASE_URL") or sqlite_url(os.environ.get("DATA_DIR"))


def registry_exists() -> bool:
    """Without making one; on a server opening it makes nothing but tables. Raises ConfigError."""
    url = registry_url()
    return is_postgres(url) or sqlite_path(url).exists()


@contextmanager
def open_registry() -> Iterator[Database]:
    """The registry, brought up to date."""
    database = open_database(registry_url())
    try:
        database.migrate()
        yield database
    finally:
        database.close()
