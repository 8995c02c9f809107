"""How many objects a running process of ours holds, by type: what memory in megabytes can only hint at.

Rule: start the processes with `environ(directory)`; then `take(directory, pid)` asks one of them.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

INSIDE = Path(__file__).parent / "census_inside"
OURS = ("browser_pool.", "functions.", "storage.")
"""Types of these count one by one: a slot that stays is a leak, a list more is not."""
PLAYWRIGHTS = "playwright."
ANSWER_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Census:
    """Of one process at one moment, after its rubbish was collected."""

    blocks: int
    """Pieces of memory that Python has given out: every object counts, also those without a type of ours."""
    malloc: int
    """Bytes that C code and larger objects hold; what lies free between them is the allocator's."""
    types: dict[str, int]

    def of(self, *prefixes: str) -> dict[str, int]:
        """Only these types."""
        return {name: count for name, count in self.types.items() if name.startswith(prefixes)}


def environ(directory: Path) -> dict[str, str]:
    """For processes that are to be asked; the directory holds their sockets, so its path must be short."""
    directory.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join([str(INSIDE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path, "CENSUS_DIR": str(directory)}


def take(directory: Path, pid: int) -> Census:
    """Raises OSError when this process does not answer."""
    with socket.socket(socket.AF_UNIX) as asker:
        asker.settimeout(ANSWER_WITHIN_SECONDS)
        asker.connect(str(directory / f"{pid}.sock"))
        said = b"".join(iter(lambda: asker.recv(1 << 20), b""))
    answer = json.loads(said)
    return Census(blocks=answer["blocks"], malloc=answer["malloc"], types=answer["types"])


def more(before: Census, after: Census, *prefixes: str) -> dict[str, int]:
    """Types of which there are more than before, and how many."""
    old = before.of(*prefixes)
    return {
        name: count - old.get(name, 0)
        for name, count in after.of(*prefixes).items()
        if count > old.get(name, 0)
    }
