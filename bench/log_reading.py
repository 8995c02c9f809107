"""Reads the log as an operator would: what was said how often, what was no line of ours, what failed how."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_WORST = ("error", "critical")


@dataclass(kw_only=True)
class LogReading:
    """Made by `read`."""

    lines: int = 0
    bytes: int = 0
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(level, event) → how often."""
    tracebacks: Counter[str] = field(default_factory=Counter)
    """Event and the last line of the traceback → how often."""
    strange: Counter[str] = field(default_factory=Counter)
    """Lines that are no JSON, digits left out."""

    @property
    def errors(self) -> dict[str, int]:
        return {event: count for (level, event), count in self.events.items() if level in _WORST}

    def to_json(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "bytes": self.bytes,
            "events": [
                {"level": level, "event": event, "count": count}
                for (level, event), count in self.events.most_common()
            ],
            "tracebacks": dict(self.tracebacks.most_common()),
            "no_json": dict(self.strange.most_common(20)),
        }


def read(lines: Iterable[str]) -> LogReading:
    """Of one process."""
    reading = LogReading()
    for line in lines:
        reading.lines += 1
        reading.bytes += len(line)
        try:
            said = json.loads(line)
            level, event = said["level"], said["event"]
        except (ValueError, KeyError, TypeError):
            reading.strange[re.sub(r"\d+", "#", line.strip())[:160]] += 1
            continue
        reading.events[level, re.sub(r"\d+", "#", event)[:120]] += 1
        if "traceback" in said:
            reading.tracebacks[f"{event}: {said['traceback'].strip().splitlines()[-1][:160]}"] += 1
    return reading
