"""WHATSAPP_LOOKUPS: where the page's insides are found, told by the operator when WhatsApp has changed.

Rule: a file that is wrong stops a node from starting and is ignored, loudly, by one that runs. Paths are
data: no text of the file is ever a program in the page.

    {"socket": ["WAWebSocketModelNew:Socket"], "me": ["WAWebUserPrefsMe:default"]}
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from browser_pool.facts import LOOKUPS
from storage.errors import ConfigError

log = logging.getLogger(__name__)

NO_MODULES = ("ref", "number")
"""Of LOOKUPS: what is not found by a module's name."""
MOST_PATHS = 10
_PATH = re.compile(
    r"[A-Za-z_][A-Za-z0-9_.]{0,99}(:[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z_$][A-Za-z0-9_$]*){0,5})?"
)

Lookups = dict[str, list[str]]


class LookupFile:
    """`read` gives what the file says now, for the next page that is loaded."""

    def __init__(self, path: Path | None) -> None:
        """Raises ConfigError when there is a file, and it cannot be used."""
        self._path = path
        self._changed_at = self._last_change()
        self._good: Lookups = {} if path is None else parse_lookups(_text(path))

    def read(self) -> Lookups:
        """The newest good content. A look costs one stat."""
        if self._path is not None and (changed_at := self._last_change()) != self._changed_at:
            self._changed_at = changed_at
            try:
                self._good = parse_lookups(_text(self._path))
            except ConfigError as error:
                why = {"why": str(error)[:500], "then": "the last good ones stay"}
                log.error("lookups_not_read", extra=why)  # noqa: TRY400
            else:
                log.warning("lookups_changed", extra={"lookups": sorted(self._good)})
        return self._good

    def _last_change(self) -> int | None:
        try:
            return None if self._path is None else self._path.stat().st_mtime_ns
        except OSError:
            return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError([f"WHATSAPP_LOOKUPS={path} cannot be read: {error}"]) from error


def parse_lookups(text: str) -> Lookups:
    """Lookup to paths, tried in this order before the built-in ones. Raises ConfigError with all problems."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"WHATSAPP_LOOKUPS is not JSON: {error}"]) from error
    if not isinstance(raw, dict):
        raise ConfigError(["WHATSAPP_LOOKUPS must hold a JSON object of lists"])
    known = [name for name in LOOKUPS if name not in NO_MODULES]
    problems = []
    for name, paths in raw.items():
        if name not in known:
            problems.append(f"WHATSAPP_LOOKUPS: there is no lookup {name!r:.60}; they are {', '.join(known)}")
        elif not isinstance(paths, list) or not 0 < len(paths) <= MOST_PATHS:
            problems.append(f"WHATSAPP_LOOKUPS: {name} must be a list of 1 to {MOST_PATHS} paths")
        else:
            problems += [
                f"WHATSAPP_LOOKUPS: {name}: {path!r:.80} is no path such as WAWebSocketModel:Socket"
                for path in paths
                if not isinstance(path, str) or _PATH.fullmatch(path) is None
            ]
    if problems:
        raise ConfigError(problems)
    return dict(raw)
