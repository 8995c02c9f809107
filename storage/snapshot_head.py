"""A session's head: which snapshot counts, and the lines of those before it.

Rule: the head is what makes a snapshot count. It is flipped by a conditional write, after everything it
leads to has been read back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from storage.clock import to_wire
from storage.manifest import check_format
from storage.snapshot_errors import SnapshotCorrupt
from storage.snapshot_record import Snapshot, snapshot_from_wire, snapshot_to_wire
from storage.strict_fields import Fields

FORMAT = 1
LONGEST_HISTORY = 100
"""Lines a head keeps when nobody prunes: they differ little, so that all of them seal to a few kB. What
falls off the end is removed by the next prune."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The history of a session, newest first; never empty."""

    history: tuple[Snapshot, ...]
    fence: int = 0
    """The generation of an owner that took the session and has saved nothing yet; 0 when there is none."""

    @property
    def snapshot(self) -> Snapshot:
        return self.history[0]

    @property
    def generation(self) -> int:
        """Of whom the session is; what an older one saves is refused."""
        return max(self.fence, self.snapshot.about.generation)

    def to_bytes(self) -> bytes:
        """As JSON, before it is sealed."""
        wire = {
            "format": FORMAT,
            "snapshot_id": self.snapshot.id,
            "generation": self.generation,
            "saved_at": to_wire(self.snapshot.saved_at),
            "history": [snapshot_to_wire(line) for line in self.history],
        }
        return json.dumps(wire, separators=(",", ":")).encode()


def head_after(snapshot: Snapshot, before: Head | None) -> Head:
    """The head that a save flips to."""
    older = before.history if before is not None else ()
    return Head(history=(snapshot, *older)[:LONGEST_HISTORY])


def head_of(lines: Iterable[Snapshot]) -> Head | None:
    """What the head must have been, from manifests alone: the last owner's newest snapshot counts."""
    ordered = sorted(lines, key=lambda line: (line.about.generation, line.saved_at, line.id), reverse=True)
    return Head(history=tuple(ordered[:LONGEST_HISTORY])) if ordered else None


def parse_head(plain: bytes, what: str) -> Head:
    """Read an opened head. Raises SnapshotCorrupt, SnapshotNewer."""
    try:
        fields = Fields.parse(plain, "head")
        check_format(fields, FORMAT, what)
        history = tuple(
            snapshot_from_wire(Fields(line, f"history[{index}]"))
            for index, line in enumerate(fields.items("history"))
        )
        if not history or fields.text("snapshot_id") != history[0].id:
            raise ValueError("its history does not begin with its snapshot")
        generation, saved_by = fields.number("generation"), history[0].about.generation
        if generation < saved_by:
            raise ValueError("its generation is older than that of its snapshot")
        head = Head(history=history, fence=generation if generation > saved_by else 0)
    except ValueError as error:
        raise SnapshotCorrupt(
            f"{what}: its head is not sound: {error}; the next save makes it anew"
        ) from error
    return head
