"""Which unprivileged user a browser runs as: one for all, or one for each.

Rule: a user is given to a browser only while no process of this machine runs as him, whoever started it: the
kernel is asked, so a pool that starts anew gives nobody the user of a browser that it has yet to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browser_pool.errors import LaunchFailed

SPARE = 2
"""More users than slots: a browser that ends keeps its own for some milliseconds."""


class BrowserUsers:
    """The uids from `first` on. With one, all browsers share it."""

    def __init__(self, first: int, number: int = 1) -> None:
        self.uids = range(first, first + number)
        self._starting: set[int] = set()

    @contextmanager
    def one(self) -> Iterator[int]:
        """A user for a browser that is being started; afterwards its processes show who has him.

        Raises LaunchFailed.
        """
        if len(self.uids) == 1:
            yield self.uids[0]
            return
        taken = users_of_processes() | self._starting
        uid = next((uid for uid in self.uids if uid not in taken), None)
        if uid is None:
            raise LaunchFailed(
                f"processes run as each of the {len(self.uids)} users of browsers; raise CHROMIUM_UIDS"
            )
        self._starting.add(uid)
        try:
            yield uid
        finally:
            self._starting.discard(uid)


def users_of_processes(proc: Path = Path("/proc")) -> set[int]:
    """Every uid that something runs as: real, effective, saved. 20 µs a process."""
    found: set[int] = set()
    for entry in proc.iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            found.update(map(int, status.partition("\nUid:")[2].partition("\n")[0].split()))
    return found
