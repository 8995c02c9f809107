"""Index documents on disk: the last few versions that reached `connected`, and the pinned one.

Each is `<version>.html` with `<version>.json` beside it; one without the other, or changed since, does not
count. Blocking, a few milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from browser_pool.index_document import MAX_BYTES, NAME, IndexDocument
from storage.clock import from_wire, to_wire

VERSIONS_DIR = "web_versions"
KEPT = 5
"""Half a megabyte each; the site changes about daily."""


@dataclass(frozen=True, kw_only=True)
class StoredVersion:
    """What is known of a document without reading it."""

    name: str
    saved_at: datetime
    good_at: datetime | None
    """When a session with it was connected last; None for one that was only fetched."""


class VersionStore:
    """Names are checked here, once for all: they come from pages and from settings."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / VERSIONS_DIR

    def stored(self) -> list[StoredVersion]:
        """All that can be read, the one that was good last first."""
        found = [self._about(path.stem) for path in self._directory.glob("*.json")]
        known = [about for about in found if about is not None]
        return sorted(known, key=lambda about: (about.good_at or about.saved_at, about.name), reverse=True)

    def last_good(self) -> str | None:
        """The version with which a session was connected last."""
        return next((about.name for about in self.stored() if about.good_at is not None), None)

    def _about(self, name: str) -> StoredVersion | None:
        try:
            raw = json.loads(self._path(name, "json").read_text())
            good_at = None if raw["good_at"] is None else from_wire(raw["good_at"])
            return StoredVersion(name=name, saved_at=from_wire(raw["saved_at"]), good_at=good_at)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def load(self, name: str) -> IndexDocument | None:
        """None when it is not there, or not what was written."""
        try:
            raw = json.loads(self._path(name, "json").read_text())
            body = self._path(name, "html").read_bytes()
            headers = {str(key): str(value) for key, value in raw["headers"].items()}
            whole = len(body) <= MAX_BYTES and hashlib.sha256(body).hexdigest() == raw["sha256"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return IndexDocument(name=name, body=body, headers=headers) if whole else None

    def save(self, document: IndexDocument, *, now: datetime, good: bool) -> None:
        """Write it and let the oldest go. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(self._path(document.name, "html"), document.body)
        about = {
            "sha256": hashlib.sha256(document.body).hexdigest(),
            "headers": dict(document.headers),
            "saved_at": to_wire(now),
            "good_at": to_wire(now) if good else None,
        }
        self._write(self._path(document.name, "json"), json.dumps(about, indent=2).encode())
        for old in self.stored()[KEPT:]:
            if old.name != document.name:
                self._path(old.name, "json").unlink(missing_ok=True)
                self._path(old.name, "html").unlink(missing_ok=True)

    def was_good(self, name: str, now: datetime) -> None:
        """A session with it is connected. Raises OSError; KeyError when it is not stored."""
        if self.load(name) is None:
            raise KeyError(name)
        raw = json.loads(self._path(name, "json").read_text())
        self._write(self._path(name, "json"), json.dumps({**raw, "good_at": to_wire(now)}, indent=2).encode())

    def _path(self, name: str, kind: str) -> Path:
        if NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no version")
        return self._directory / f"{name}.{kind}"

    def _write(self, path: Path, content: bytes) -> None:
        temporary = path.with_name(f".{path.name}.new")
        temporary.touch(mode=0o600)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
