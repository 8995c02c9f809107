"""How often: a quota per window, spent and refilled evenly, and how it is told to the caller.

Rule: all that is kept of a caller is one moment, "when everything that was taken will be refilled" (GCRA,
the leaky bucket as a meter): a full quota may come at once, and then one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

WINDOW_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class RatePolicy:
    """So many requests a minute, for each of its callers."""

    name: str
    """As it stands in the header fields; part of what callers see, so it never changes."""
    quota: int
    """0: no limit."""

    @property
    def interval(self) -> float:
        """Seconds in which one request is refilled."""
        return WINDOW_SECONDS / self.quota

    def to_field(self) -> str:
        """An item of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10)."""
        return f'"{self.name}";q={self.quota};w={WINDOW_SECONDS:.0f}'

    def take(self, full_at: float, now: float) -> tuple[float, Decision]:
        """Take one from who is full again at `full_at`; give the new moment, and whether it was there.

        A moment further away than a window comes from a clock that was set back: it counts as a window.
        """
        owed = min(max(full_at - now, 0.0), WINDOW_SECONDS)
        after = owed + self.interval
        if after > WINDOW_SECONDS + 1e-6:
            return now + owed, Decision(self, allowed=False, owed=owed)
        return now + after, Decision(self, allowed=True, owed=after)

    def look(self, full_at: float, now: float) -> Decision:
        """Whether one could be taken, without taking it."""
        owed = min(max(full_at - now, 0.0), WINDOW_SECONDS)
        return Decision(self, allowed=owed + self.interval <= WINDOW_SECONDS + 1e-6, owed=owed)


@dataclass(frozen=True)
class Decision:
    """What came of one request."""

    policy: RatePolicy
    allowed: bool
    owed: float
    """Seconds until everything that was taken is refilled."""

    @property
    def retry_after(self) -> int:
        """Whole seconds until one more is allowed; 0 when it is now."""
        return max(0, ceil(self.owed + self.policy.interval - WINDOW_SECONDS - 1e-6))

    def to_field(self) -> str:
        """An item of RateLimit: what remains, and in how many seconds all of it is there again."""
        remaining = max(0, floor((WINDOW_SECONDS - self.owed) / self.policy.interval + 1e-6))
        return f'"{self.policy.name}";r={remaining};t={ceil(self.owed - 1e-6)}'
