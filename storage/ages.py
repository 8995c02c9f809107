"""How long ago something was, in words for people."""

from __future__ import annotations

from datetime import datetime

_AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SOON_SECONDS = -60
"""Clocks of two machines differ by so much without anybody noticing."""


def age_text(moment: datetime, now: datetime) -> str:
    """How long ago: 3 h ago. A time that lies ahead says that some clock is wrong."""
    seconds = (now - moment).total_seconds()
    if seconds < _SOON_SECONDS:
        return f"{_span(-seconds)} ahead: check the clocks"
    return "now" if seconds < 1 else f"{_span(seconds)} ago"


def _span(seconds: float) -> str:
    size, unit = next(((size, unit) for size, unit in _AGES if seconds >= size), _AGES[-1])
    return f"{seconds / size:.0f} {unit}"
