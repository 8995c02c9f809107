"""What a drill found in a profile, and whether that is an identity. Pure: no browser, no I/O but a listing.

Rule: names and counts only. A verdict never holds a value that the page has kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

KNOWN_DATABASES = ("wawc", "wawc_db_enc", "signal-storage")
"""Where WhatsApp Web keeps a login. That one is missing is said, and alone condemns nothing: names change."""

_ON_DISK = re.compile(r"(https?)_(.+)_(\d+)\.indexeddb\.leveldb")


@dataclass(frozen=True, kw_only=True)
class Drilled:
    """What page/drill.js counted."""

    databases: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    """database → store → {records, read}."""
    crypto_keys: int = 0
    crypto_keys_used: int = 0
    """Of them, so many did what keys are for; some kinds need a second party and are only read."""
    local_storage_items: int = 0
    """In effect: the profile's own, and what local_storage.json puts back."""
    local_storage_own_items: int = 0
    problems: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        return sum(store["read"] for stores in self.databases.values() for store in stores.values())

    @classmethod
    def from_page(cls, said: Mapping[str, Any]) -> Drilled:
        return cls(
            databases=said["databases"],
            crypto_keys=said["keys"]["found"],
            crypto_keys_used=said["keys"]["used"],
            local_storage_items=said["local_storage_items"],
            local_storage_own_items=said["local_storage_own_items"],
            problems=tuple(said["problems"]),
        )


def origin_of(saved: str | None, user_data_dir: Path) -> str | None:
    """The site whose identity this is: what local_storage.json names, else who has an IndexedDB here."""
    if saved is not None:
        parts = urlsplit(saved)
        if parts.scheme in {"http", "https"} and parts.netloc:
            return f"{parts.scheme}://{parts.netloc}"
    for path in sorted((user_data_dir / "Default" / "IndexedDB").glob("*.indexeddb.leveldb")):
        if match := _ON_DISK.fullmatch(path.name):
            scheme, host, port = match.groups()
            return f"{scheme}://{host}" if port == "0" else f"{scheme}://{host}:{port}"
    return None


def verdict(drilled: Drilled, origin: str | None, problems: list[str], *, namespace: bool) -> dict[str, Any]:
    """The answer of `python -m browser_pool.drill`; `ok` when nothing speaks against a login in there."""
    problems = [*problems, *drilled.problems]
    if not problems:
        if drilled.records == 0:
            problems.append("no database holds a record that can be read")
        elif drilled.crypto_keys == 0:
            problems.append("no record holds a CryptoKey, so the device could not prove itself")
        if drilled.local_storage_items == 0:
            problems.append("localStorage is empty, in the profile and in local_storage.json")
    return {
        "ok": not problems,
        "origin": origin,
        "network": "none" if namespace else "cut off in the browser",
        "databases": drilled.databases,
        "missing": [name for name in KNOWN_DATABASES if name not in drilled.databases],
        "local_storage_items": drilled.local_storage_items,
        "local_storage_own_items": drilled.local_storage_own_items,
        "crypto_keys": drilled.crypto_keys,
        "crypto_keys_used": drilled.crypto_keys_used,
        "problems": problems,
    }
