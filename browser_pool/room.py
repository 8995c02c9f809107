"""How many more sessions this machine's memory holds, for placement."""

from __future__ import annotations

import re
from pathlib import Path

SLOT_BYTES = 160 * 1024 * 1024
"""140 MB measured, and what the kernel keeps for one."""
KEPT_BYTES = 256 * 1024 * 1024
"""For the pool, its driver and everybody else."""


def room(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """None where nothing can be measured. A container's own limit counts where it is the smaller one."""
    available = _available(meminfo)
    limit = _limit(cgroup)
    known = [one for one in (available, limit) if one is not None]
    return max(0, (min(known) - KEPT_BYTES) // SLOT_BYTES) if known else None


def _available(meminfo: Path) -> int | None:
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo.read_text(), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else int(found[1]) * 1024


def _limit(cgroup: Path) -> int | None:
    try:
        most, now = (cgroup / "memory.max").read_text().strip(), (cgroup / "memory.current").read_text()
        return None if most == "max" else int(most) - int(now)
    except (OSError, ValueError):
        return None
