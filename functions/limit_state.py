"""Where the rate limits are counted: a file that the workers of this machine share, or the registry."""

from __future__ import annotations

import hashlib
import random
from typing import Protocol

from functions.rate_policy import WINDOW_SECONDS, Decision, RatePolicy
from storage.limit_rows import LimitRows

_FORGET_EVERY = 500
"""Takes, on average, between two clean-ups of rows."""


class LimitState(Protocol):
    """Counts. `who` is told apart for each policy."""

    def take(self, policy: RatePolicy, who: str, now: float) -> Decision:
        """Take one."""

    def look(self, policy: RatePolicy, who: str, now: float) -> Decision:
        """Whether one could be taken; takes nothing."""

    def close(self) -> None:
        """Twice is fine."""


class RegistryLimits:
    """Counts in the registry. Remembers in this process who was refused, so that a flood is not a flood of
    writes."""

    def __init__(self, rows: LimitRows) -> None:
        self._rows = rows
        self._refused: dict[str, float] = {}

    def take(self, policy: RatePolicy, who: str, now: float) -> Decision:
        name = _name(policy, who)
        refused = self._remembered(policy, name, now)
        if refused is not None:
            return refused
        full_at, allowed = self._rows.take(name, now=now, interval=policy.interval, window=WINDOW_SECONDS)
        if not allowed:
            self._remember(name, full_at)
        if random.randrange(_FORGET_EVERY) == 0:
            self._rows.forget(now)
        return Decision(policy, allowed=allowed, owed=max(0.0, full_at - now))

    def look(self, policy: RatePolicy, who: str, now: float) -> Decision:
        name = _name(policy, who)
        refused = self._remembered(policy, name, now)
        return refused or policy.look(self._rows.look(name), now)

    def close(self) -> None:
        self._refused.clear()

    def _remembered(self, policy: RatePolicy, name: str, now: float) -> Decision | None:
        full_at = self._refused.get(name)
        if full_at is None:
            return None
        decision = policy.look(full_at, now)
        if not decision.allowed:
            return decision
        self._refused.pop(name, None)
        return None

    def _remember(self, name: str, full_at: float) -> None:
        if len(self._refused) >= 10_000:
            self._refused.clear()
        self._refused[name] = full_at


def _name(policy: RatePolicy, who: str) -> str:
    """Addresses and tokens do not lie in the registry as they are."""
    text = f"{policy.name}\n{who}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()
