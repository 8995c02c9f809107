"""What every Lambda does once, while it is cold: read its environment, open its registry, make its app.

Rule: a Lambda keeps nothing on its disk, and one connection to its database. The operator's function brings
the tables up to date before new code is let in; whoever happens to start first does not.
"""

from __future__ import annotations

from collections.abc import Mapping

from functions.config import FunctionsConfig
from storage import logs
from storage.database import Database, is_postgres, open_database
from storage.errors import ConfigError, RegistryError
from storage.number_key_table import admit

CONNECTIONS = 1
"""A Lambda answers one request at a time, and a thousand of them share one server."""


def read_environment(environ: Mapping[str, str]) -> FunctionsConfig:
    """The configuration. Raises ConfigError with everything that is missing or wrong."""
    logs.configure()
    config = FunctionsConfig.from_env(environ)
    if not is_postgres(config.database_url):
        raise ConfigError(
            [
                "DATABASE_URL must be postgresql://… on Lambda: a SQLite file there belongs to one instance "
                "and is gone with it; see docs/serverless.md"
            ]
        )
    return config


def open_registry(config: FunctionsConfig) -> Database:
    """The registry, as new as this code needs it. Raises ConfigError, RegistryError."""
    database = open_database(config.database_url, connections=CONNECTIONS, keys=config.number_keys)
    missing = database.missing_migrations()
    if missing:
        raise RegistryError(
            f"the registry lacks {', '.join(missing)}; invoke the operator's function with "
            '{"argv": ["registry", "migrate"]} first'
        )
    admit(database, config.number_keys)
    return database
