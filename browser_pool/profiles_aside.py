"""Profiles whose login a snapshot took the place of: kept for the operator, two of a session, for a month.

Rule: what is put aside is a login, perhaps a good one. It goes with its session, or when the phone has
removed the device, and at the latest after a month: the node that has it need not be the one that is told of
the session's end.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from ulid import ULID

from storage.profile_place import ASIDE_DIR

KEPT = 2
"""Of each session; an older one helps nobody."""
KEPT_FOR = timedelta(days=30)


class ProfilesAside:
    """Of one node. Each is a directory named by its session and the moment."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / ASIDE_DIR

    def put(self, profile: Path, session_id: str) -> None:
        """Take a profile here, by a rename."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        profile.rename(self._directory / f"{session_id}-{ULID()}")
        for old in self._of(session_id)[:-KEPT]:
            shutil.rmtree(old)

    def erase(self, session_id: str) -> None:
        """Destroy what was put aside of this session."""
        for old in self._of(session_id):
            shutil.rmtree(old, ignore_errors=True)

    def erase_old(self, now: datetime) -> None:
        """Destroy what has been here for a month."""
        for one in self._all():
            put_at = _put_at(one)
            if put_at is not None and now - put_at > KEPT_FOR:
                shutil.rmtree(one, ignore_errors=True)

    def _of(self, session_id: str) -> list[Path]:
        # no glob: Python compiles a pattern for each session, and remembers 512
        return [one for one in self._all() if one.name.startswith(f"{session_id}-")]

    def _all(self) -> list[Path]:
        return sorted(self._directory.iterdir()) if self._directory.exists() else []


def _put_at(path: Path) -> datetime | None:
    """By its name; None for what somebody else has laid here."""
    try:
        return ULID.from_str(path.name.rpartition("-")[2]).datetime
    except ValueError:
        return None
