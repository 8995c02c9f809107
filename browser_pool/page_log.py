"""What a page complained of: its console, uncaught errors, requests that failed. The last ones only.

Rule: scrubbed as it comes in, so that nothing in memory or on disk holds what a page should not have said.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from browser_pool.browser_socket import PageSession
from browser_pool.scrub import scrubbed

KEPT = 50
"""A page that breaks repeats itself."""
_LEVELS = frozenset({"error", "warning", "assert"})


class PageLog:
    """Listens on a page's CDP session, in which Runtime is on already."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT)

    def listen(self, cdp: PageSession) -> None:
        """From now on."""
        cdp.on("Runtime.consoleAPICalled", self._on_console)
        cdp.on("Runtime.exceptionThrown", self._on_exception)
        cdp.on("Log.entryAdded", self._on_entry)

    def _on_console(self, event: dict[str, Any]) -> None:
        if event.get("type") in _LEVELS:
            words = [str(one.get("value", one.get("description", ""))) for one in event.get("args", [])[:5]]
            self._add(f"console.{event['type']}", " ".join(words))

    def _on_exception(self, event: dict[str, Any]) -> None:
        details = event.get("exceptionDetails", {})
        said = details.get("exception", {}).get("description") or details.get("text", "")
        self._add("uncaught", str(said))

    def _on_entry(self, event: dict[str, Any]) -> None:
        entry = event.get("entry", {})
        if entry.get("level") in _LEVELS:
            self._add(str(entry.get("source", "log"))[:20], f"{entry.get('text', '')} {entry.get('url', '')}")

    def _add(self, kind: str, text: str) -> None:
        self.lines.append(f"{kind}: {scrubbed(text.strip())}")
