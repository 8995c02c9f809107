"""One pool process per data directory: two would fight over the same browsers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import ConfigError


@contextmanager
def node_lock(data_dir: Path) -> Iterator[None]:
    """Held while the process lives. Raises ConfigError when another one holds it."""
    descriptor = os.open(data_dir / "pool.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError([f"DATA_DIR={data_dir} is in use by another pool process"]) from error
        yield
    finally:
        os.close(descriptor)
