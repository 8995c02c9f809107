"""What a run has measured so far: samples, notes, misses of the peer, and failures of its own."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from bench.rows import Row, RowSpec
from bench.samples import Series

LONGEST_ERROR = 4000  # characters of a traceback that are kept
ROOT = str(Path(__file__).parents[1])


class Side(StrEnum):
    """Whose figure it is."""

    OURS = "ours"
    PEER = "peer"


class Results:
    """Filled by the scenarios, read at the end."""

    def __init__(self) -> None:
        self._samples: dict[tuple[Side, str, int], list[float]] = {}
        self._notes: dict[str, str] = {}
        self.misses: list[str] = []
        """Sessions that the peer did not bring where they should be. A result, not a failure."""
        self.failures: list[dict[str, str]] = []
        self._remarks: list[str] = []
        self.beside: dict[str, list[float]] = {}
        """Figures that stand in no row and help to judge one."""

    def add(self, side: Side, metric: str, sessions: int, *values: float) -> None:
        """Keep samples."""
        self._samples.setdefault((side, metric, sessions), []).extend(values)

    def add_beside(self, name: str, *values: float) -> None:
        """Keep samples that stand in no row."""
        self.beside.setdefault(name, []).extend(round(value, 6) for value in values)

    def note(self, metric: str, text: str) -> None:
        """Why a row is empty, or what to know about it."""
        self._notes[metric] = text

    def miss(self, text: str) -> None:
        """The peer did not bring some sessions where they should be."""
        self.misses.append(_without_paths(text))

    def fail(self, what: str, error: str, trace: str = "") -> None:
        """A row, or a part of its samples, could not be measured."""
        trace = _without_paths(trace)[-LONGEST_ERROR:]
        self.failures.append({"what": what, "error": _without_paths(error), "trace": trace})

    def remark(self, text: str) -> None:
        """A sentence below the table."""
        self._remarks.append(text)

    def remarks(self) -> list[str]:
        """What to know, and what went wrong, a line each."""
        failed = [f"Not measured: {one['what']}: {one['error'].splitlines()[0]}" for one in self.failures]
        return [*self._remarks, *failed, *(f"whatsapp-web.js missed: {miss}" for miss in self.misses)]

    @contextmanager
    def surviving(self, what: str) -> Iterator[None]:
        """An error inside is written down, and the run goes on."""
        try:
            yield
        except Exception as error:
            self.fail(what, f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))

    def series(self, side: Side, metric: str, sessions: int) -> Series | None:
        values = self._samples.get((side, metric, sessions))
        return Series(values=tuple(values)) if values else None

    def rows(self, specs: Sequence[RowSpec]) -> list[Row]:
        """The table."""
        return [self._row(spec) for spec in specs]

    def _row(self, spec: RowSpec) -> Row:
        note = f"by {spec.measured_by}" if spec.measured_by else self._notes.get(spec.metric)
        ours = self.series(Side.OURS, spec.metric, spec.sessions)
        peer = None
        if spec.peer_metric is not None:
            peer = self.series(Side.PEER, spec.peer_metric, spec.peer_sessions or spec.sessions)
        return Row(spec=spec, ours=ours, peer=peer, note=note)

    def to_json(self, specs: Sequence[RowSpec]) -> dict[str, Any]:
        return {
            "rows": [row.to_json() for row in self.rows(specs)],
            "peer_misses": self.misses,
            "failures": self.failures,
            "remarks": self._remarks,
            "beside": self.beside,
        }


def _without_paths(text: str) -> str:
    """Results are published; where the clone lies is nobody's business."""
    return text.replace(ROOT, ".")
