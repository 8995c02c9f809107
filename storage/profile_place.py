"""Puts a restored snapshot where a node looks for the session's profile.

Rule: never under a running browser, and what lay there is moved aside, not destroyed. The browser holds a
flock on `lock` in its profile for as long as it lives, see browser_pool/profile.py; so do we while we swap.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.clock import Clock
from storage.errors import LinkpoolError
from storage.ids import new_id
from storage.try_lock import try_lock

PROFILES_DIR = "profiles"
ASIDE_DIR = "profiles-aside"
BESIDE_DIR = "tmp"
"""On the same disk, so that the swap is a rename; and no directory that a starting pool empties."""
WARM_PREFIX = "warm-"
"""Profiles that keep the name of a warm slot until their browser has ended; whose they are, their name does
not say."""


class ProfileHeld(LinkpoolError):
    """A browser runs on the profile, or might; nothing was changed."""


class ProfilePlace:
    """Of one session, in one data directory."""

    def __init__(self, data_dir: Path, session_id: str, clock: Clock) -> None:
        self._session_id = session_id
        self._profiles = data_dir / PROFILES_DIR
        self._aside = data_dir / ASIDE_DIR
        self._clock = clock
        self.path = self._profiles / session_id

    def check(self) -> None:
        """Raises ProfileHeld, as `fill` would."""
        with self._held():
            pass

    def fill(self, restore: Callable[[Path], object]) -> Path | None:
        """Have `restore` make a directory beside, then swap; give where the old profile went, if any.

        Raises ProfileHeld, and what `restore` raises; then nothing has changed.
        """
        self.check()
        for directory in (self._profiles.parent, self._profiles):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = new_id(self._clock.now())
        beside = self._profiles.parent / BESIDE_DIR / f"restore-{now}"
        beside.parent.mkdir(mode=0o711, exist_ok=True)
        restore(beside)
        with self._held():
            aside = None
            if self.path.exists():
                self._aside.mkdir(mode=0o700, exist_ok=True)
                aside = self.path.rename(self._aside / f"{self._session_id}-{now}")
            beside.rename(self.path)
        return aside

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The lock that a browser would hold."""
        if not self.path.is_dir():
            self._no_nameless_browser()
            yield
            return
        with try_lock(self.path / "lock", os.O_CREAT | os.O_RDWR) as free:
            if not free:
                raise ProfileHeld(
                    f"a browser runs on the profile of session {self._session_id}; stop the pool, or"
                    " hibernate the session (POST /api/sessions/{id}/hibernate), then restore again"
                )
            yield

    def _no_nameless_browser(self) -> None:
        for profile in self._profiles.glob(WARM_PREFIX + "*"):
            with try_lock(profile / "lock", os.O_CREAT | os.O_RDWR) as free:
                if not free:
                    raise ProfileHeld(
                        f"a browser runs in {profile.name}, which may be session {self._session_id}; stop the"
                        " pool, then restore again"
                    )
