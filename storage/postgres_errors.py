"""What an error of PostgreSQL means for the registry.

Rule: only what says something of the server, rather than of the statement, becomes ours. Nothing of the
address is shown: it may hold a password.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from storage.connections import NoConnection
from storage.errors import RegistryError, RegistryUnavailable

log = logging.getLogger(__name__)


@contextmanager
def postgres_errors() -> Iterator[None]:
    """Turn a server that is away into RegistryUnavailable, and a lock that is not to be had into
    RegistryError."""
    try:
        yield
    except NoConnection as error:
        raise RegistryUnavailable(
            "the registry's server gives no connection; try again in a moment"
        ) from error
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise RegistryError(
            "another process has held a lock of the registry for too long; try again"
        ) from error
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.IdleInTransactionSessionTimeout,
    ) as error:
        log.warning("registry_lost", extra={"error": type(error).__name__, "sqlstate": error.sqlstate})
        raise RegistryUnavailable("the registry's server is away; try again in a moment") from error
