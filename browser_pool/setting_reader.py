"""Reads a node's settings one by one: what each may be, and what it is when nobody says.

Rule: a wrong value is remembered and raises nothing. Each answer is usable even then, so that all problems
are told at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from browser_pool.index_document import NAME
from storage.secret_rules import problems_of, split_secrets

_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+")


class SettingReader:
    """Of one environment; `problems` is what it has found wrong so far."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._environ.get(name) or default

    def secrets(self, name: str) -> tuple[str, ...]:
        value = self._environ.get(name, "")
        self.problems += problems_of(name, value)
        return split_secrets(value)

    def optional_secret(self, name: str) -> str | None:
        return self.secrets(name)[0] if self._environ.get(name) else None

    def optional_path(self, name: str) -> Path | None:
        text = self._environ.get(name)
        return Path(text).absolute() if text else None

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        raw = self.text(name, str(default))
        try:
            value = int(raw)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            self.problems.append(f"{name}={raw!r} must be a whole number from {least} to {most}")
            return default
        return value

    def seconds(self, name: str, default: float) -> timedelta:
        raw = self.text(name, str(default))
        try:
            value = float(raw)
        except ValueError:
            value = 0.0
        if not 0 < value < 10_000_000:
            self.problems.append(f"{name}={raw!r} must be a number of seconds above 0")
            return timedelta(seconds=default)
        return timedelta(seconds=value)

    def url(self, name: str, default: str) -> str:
        value = self.text(name, default).rstrip("/")
        if not value.startswith(("http://", "https://")):
            self.problems.append(f"{name}={value!r} must start with http:// or https://")
        return value

    def hosts(self, name: str) -> tuple[str, ...]:
        hosts = tuple(part.strip().lower() for part in self.text(name, "").split(",") if part.strip())
        for host in hosts:
            if _HOST.fullmatch(host) is None:
                self.problems.append(f"{name}={host!r} must be a host name, or *. before one")
        return hosts

    def strategy(self) -> str:
        """AUTH_STRATEGY; mirrored needs a key, and is the default where there is one."""
        key = self._environ.get("SNAPSHOT_KEY")
        strategy = self.choice("AUTH_STRATEGY", "mirrored" if key else "local", ["local", "mirrored"])
        if strategy == "mirrored" and not key:
            self.problems.append(
                "SNAPSHOT_KEY is missing, and AUTH_STRATEGY=mirrored seals with it; make one with"
                " `openssl rand -base64 32`"
            )
        return strategy

    def old_key(self) -> str:
        """SNAPSHOT_KEY_OLD, which opens and never wraps: alone it is a name that was mistaken."""
        old = self.text("SNAPSHOT_KEY_OLD", "")
        if old and not self._environ.get("SNAPSHOT_KEY"):
            self.problems.append(
                "SNAPSHOT_KEY is missing, and SNAPSHOT_KEY_OLD is there; give the one that seals"
            )
        return old

    def version(self, name: str) -> str | None:
        value = self.text(name, "")
        if value and NAME.fullmatch(value) is None:
            self.problems.append(f"{name}={value!r} must be a version such as 2.3000.1043987654")
        return value or None

    def template(self, name: str, place: str) -> str | None:
        value = self.text(name, "")
        if value and (not value.startswith(("http://", "https://")) or place not in value):
            self.problems.append(f"{name}={value!r} must start with http:// or https:// and hold {place}")
        return value or None

    def choice(self, name: str, default: str, choices: list[str]) -> str:
        value = self.text(name, default)
        if value not in choices:
            self.problems.append(f"{name}={value!r} must be one of {', '.join(choices)}")
            return default
        return value
