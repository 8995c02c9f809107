"""How the command line finds the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from storage.database import Database, is_postgres, open_database, sqlite_path, sqlite_url
from storage.errors import ConfigError
from storage.number_key_table import admit
from storage.number_keys import NumberKeys


def registry_url() -> str:
    """DATABASE_URL, or the registry in DATA_DIR."""
    return os.environ.get("DATABASE_URL") or sqlite_url(os.environ.get("DATA_DIR"))


def registry_exists() -> bool:
    """Without making one; on a server opening it makes nothing but tables. Raises ConfigError."""
    url = registry_url()
    return is_postgres(url) or sqlite_path(url).exists()


def number_keys() -> NumberKeys:
    """NUMBERS_KEY and NUMBERS_KEY_OLD, as the functions read them. Raises ConfigError."""
    problems: list[str] = []
    keys = NumberKeys.from_env(os.environ, problems)
    if problems:
        raise ConfigError(problems)
    return keys


@contextmanager
def open_registry() -> Iterator[Database]:
    """The registry, brought up to date. Raises ConfigError, RegistryError."""
    keys = number_keys()
    database = open_database(registry_url(), keys=keys)
    try:
        database.migrate()
        admit(database, keys)
        yield database
    finally:
        database.close()
