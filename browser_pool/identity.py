"""What would tell whose page filled a directory: every secret of one unlinked page, as bytes to look for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

SHORTEST_PART = 16
"""Keys and refs of a QR are longer; its platform is shorter, and the same for everybody."""
SHORTEST_VALUE = 8
"""Shorter values of localStorage are flags and counters, which occur in every script."""


@dataclass(frozen=True)
class Identity:
    """Patterns that only this page can have left."""

    patterns: tuple[bytes, ...]

    @classmethod
    def of_page(
        cls, ref_text: str, local_storage: Mapping[str, str], everybodys: Collection[str] = ()
    ) -> Identity:
        """From the QR on display and the page's localStorage. `everybodys` are values that another profile
        has too: a version or a language occurs in the site's own scripts and tells nobody apart."""
        texts = {part for part in ref_text.split(",") if len(part) >= SHORTEST_PART}
        texts |= {piece for part in texts for piece in part.split("@") if len(piece) >= SHORTEST_PART}
        values = {value for value in local_storage.values() if len(value) >= SHORTEST_VALUE}
        texts |= values.difference(everybodys)
        patterns: set[bytes] = set()
        for text in texts:
            patterns |= {text.encode(), text.encode("utf-16-le")}
            raw = _decoded(text)
            if raw is not None:
                patterns.add(raw)
        return cls(tuple(sorted(patterns)))

    def traces_in(self, directory: Path) -> list[str]:
        """Files below it that hold any of the patterns, or are named after one."""
        found = []
        for path in sorted(directory.rglob("*")):
            if not path.is_file():
                continue
            name = path.relative_to(directory).as_posix()
            content = path.read_bytes() + name.encode()
            if any(pattern in content for pattern in self.patterns):
                found.append(name)
        return found


def _decoded(text: str) -> bytes | None:
    """The bytes behind base64 or base64url, when it is any."""
    standard = text.replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) >= SHORTEST_VALUE else None
