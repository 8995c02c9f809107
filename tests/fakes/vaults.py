"""What tests of snapshots begin with: staged directories, what a node knows, a vault on any store."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.clock import Clock, ManualClock
from storage.key_wrap import LocalKeyWrap
from storage.objects import ObjectStore
from storage.snapshot_record import About
from storage.vault import SessionVault, Vault

SECRET = bytes(range(7, 7 + 5 * 32, 5))
SESSION_ID = "01JQZ3N8K2V5W7X9Y1B4C6D8EF"
WORKSPACE_ID = "01JQZ3N8K2V5W7X9Y1B4C6D8WS"
PHONE = "+6281234509876"

Contents = Mapping[str, bytes]
"""Paths and what the files hold."""


def vault(store: ObjectStore, clock: Clock | None = None, secret: bytes = SECRET) -> Vault:
    """A vault as another process would open it."""
    return Vault.open(store, LocalKeyWrap(secret), clock or ManualClock())


def session(store: ObjectStore, clock: Clock | None = None) -> SessionVault:
    """The session's snapshots as another process would see them."""
    return vault(store, clock).session(SESSION_ID)


def about(generation: int = 1, **changes: Any) -> About:
    """What a node knows at capture."""
    known: dict[str, Any] = {
        "session_id": SESSION_ID,
        "workspace_id": WORKSPACE_ID,
        "generation": generation,
        "node_id": "node-under-test",
        "phone_number": PHONE,
        "chromium": "156.0.1",
        "web_version": "2.3000.1",
        "captured_at": datetime(2026, 1, 1, 12, tzinfo=UTC),
        "record": {"reference": "customer-reference-77", "metadata": {"plan": "gold"}},
    }
    return About(**(known | changes))


def stage(root: Path, contents: Contents) -> Path:
    """A directory that holds just these files."""
    root.mkdir(parents=True)
    for path, data in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def contents_of(root: Path) -> dict[str, bytes]:
    """What the files below hold."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def in_child(act: Callable[[], None]) -> tuple[int, str]:
    """Do this in a process of its own: how that ended (as `os.waitpid` tells), and its traceback."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            act()
            code = 0
        except BaseException:
            os.write(write_end, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        said = pipe.read()
    return os.waitpid(pid, 0)[1], said
