"""Where the time of a start goes: the seeds' launch, load and retrieval, in whole milliseconds."""

from __future__ import annotations

from storage.clock import Clock


class StartTimer:
    """One start of one browser; the whole counts from when the session was asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked_at = clock.monotonic()
        self._last = self._asked_at
        self._parts: dict[str, int] = {}
        self._open = True

    def begin(self) -> None:
        """A browser is being started now; waiting in the queue belongs to no part."""
        self._last = self._clock.monotonic()
        self._parts = {}

    @property
    def parts(self) -> dict[str, int]:
        """The parts that have ended."""
        return dict(self._parts)

    def mark(self, part: str) -> None:
        """The part called `part` ended now."""
        now = self._clock.monotonic()
        self._parts[f"{part}_ms"] = round((now - self._last) * 1000)
        self._last = now

    def first_qr(self) -> dict[str, int]:
        """All parts, when the first QR of the session came; nothing for the ones after it."""
        if not self._open:
            return {}
        self._open = False
        self.mark("retrieval")
        whole = round((self._clock.monotonic() - self._asked_at) * 1000)
        return {"qr_generation_ms": whole, **self._parts}
