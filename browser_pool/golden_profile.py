"""The golden profile on disk: the caches of one good start, copied into new profiles. No identity in it.

Rule: only what stands in CACHES is taken, it is searched for every secret of the page that made it, and
it replaces the old one by rename. Copies are real copies: Chromium rewrites these files in place.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from browser_pool.identity import Identity
from browser_pool.profile import Profile
from storage.clock import from_wire, to_wire
from storage.errors import LinkpoolError

GOLDEN_DIR = "golden"
CACHES = ("Cache", "Code Cache", "Service Worker")
"""Medium page over 25 Mbit/s, start to QR: 3.1 s from an empty profile, 1.5 s from these 6.5 MB. GPU and
shader caches are empty (no GPU); a second and third load fill 10 MB more and help no further."""
NEVER = frozenset(
    {"IndexedDB", "Local Storage", "Session Storage", "WebStorage", "Cookies", "Cookies-journal", "Network"}
)
"""Where identities live; nothing so named may be anywhere in a golden profile."""


class NotGolden(LinkpoolError):
    """The caches hold something of the page that made them; the message names the files, never the value."""


@dataclass(frozen=True, kw_only=True)
class GoldenManifest:
    """What the golden profile was made from."""

    chromium: str
    web: str
    built_at: str
    bytes: int
    files: int

    @property
    def built(self) -> datetime:
        return from_wire(self.built_at)


class GoldenProfile:
    """Blocking: call it in a thread, one call at a time."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / GOLDEN_DIR
        self._new = self.root.with_suffix(".new")
        self._old = self.root.with_suffix(".old")

    def open(self, chromium: str) -> GoldenManifest | None:
        """Clear away what an earlier process left half done; None when there is none for this Chromium."""
        for leftover in (self._new, self._old):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            manifest = GoldenManifest(**json.loads((self.root / "manifest.json").read_text()))
        except (OSError, ValueError, TypeError):
            manifest = None
        if manifest is not None and manifest.chromium == chromium:
            return manifest
        self.remove()
        return None

    def copy_to(self, profile: Profile, owner_uid: int | None) -> None:
        """Begin a profile that does not exist yet with these caches. Raises OSError."""
        profile.begin_with(self.root / "Default", owner_uid)

    def replace(
        self, user_data_dir: Path, identity: Identity, *, chromium: str, web: str, now: datetime
    ) -> GoldenManifest:
        """Take the caches of a browser that closed in order. Raises NotGolden, OSError; the old one stays
        until the new one is proven."""
        shutil.rmtree(self._new, ignore_errors=True)
        try:
            self._new.mkdir(mode=0o700, parents=True)
            for name in CACHES:
                source = user_data_dir / "Default" / name
                if source.is_dir():
                    shutil.copytree(source, self._new / "Default" / name)
            self._prove(identity)
            sizes = [path.stat().st_size for path in self._new.rglob("*") if path.is_file()]
            manifest = GoldenManifest(
                chromium=chromium, web=web, built_at=to_wire(now), bytes=sum(sizes), files=len(sizes)
            )
            (self._new / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2))
        except BaseException:
            shutil.rmtree(self._new, ignore_errors=True)
            raise
        self.remove()
        self._new.rename(self.root)
        return manifest

    def _prove(self, identity: Identity) -> None:
        caches = self._new / "Default"
        if not caches.is_dir():
            raise NotGolden("the page left no caches; there is nothing to keep")
        odd = (path for path in caches.rglob("*") if path.name in NEVER or path.is_symlink())
        wrong = [str(path.relative_to(caches)) for path in odd]
        wrong += identity.traces_in(caches)
        if wrong:
            raise NotGolden(f"something of the page's identity is in {', '.join(wrong[:5])}")

    def remove(self) -> None:
        """Out of the way in one step, then gone."""
        shutil.rmtree(self._old, ignore_errors=True)
        if self.root.exists():
            self.root.rename(self._old)
            shutil.rmtree(self._old)
