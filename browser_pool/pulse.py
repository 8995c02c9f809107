"""How the last starts went: averages for health, and whether a QR can be expected from the next one."""

from __future__ import annotations

from collections import deque

RECENT = 100
"""Enough to be calm, few enough to be about today."""
FAILURES_UNTIL_UNWELL = 3
"""In a row and without a QR in between. One or two are a crash; three are the site or this machine."""


class Pulse:
    """Told by the metrics, which hear of everything."""

    def __init__(self) -> None:
        self._qr_ms: deque[int] = deque(maxlen=RECENT)
        self._phone_ms: deque[int] = deque(maxlen=RECENT)
        self._failed_in_a_row = 0

    def qr_shown(self, took_ms: int | None) -> None:
        """A start came to its QR; a warm slot's took nobody any time."""
        self._failed_in_a_row = 0
        if took_ms is not None:
            self._qr_ms.append(took_ms)

    def phone_found(self, took_ms: int) -> None:
        """A number was read this long after the scan."""
        self._phone_ms.append(took_ms)

    def start_failed(self) -> None:
        """A browser had to be given up."""
        self._failed_in_a_row += 1

    @property
    def is_well(self) -> bool:
        """The next start can be expected to show a QR."""
        return self._failed_in_a_row < FAILURES_UNTIL_UNWELL

    @property
    def avg_qr_ms(self) -> float:
        return _mean(self._qr_ms)

    @property
    def avg_phone_ms(self) -> float:
        return _mean(self._phone_ms)


def _mean(values: deque[int]) -> float:
    return round(sum(values) / len(values), 1) if values else 0
