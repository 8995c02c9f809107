"""What the processes of a slot use, as the kernel counts it: memory now, CPU since they began.

Rule: PSS shares out what processes have in common, so the slots' figures add up to what the machine lost.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Of one process group."""

    pss_bytes: int = 0
    cpu_seconds: float = 0.0


def usage_by_group(groups: Collection[int]) -> dict[int, Usage]:
    """Process group → what all its processes use. One walk over /proc; some 1 ms for each process."""
    found = dict.fromkeys(groups, Usage())
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            group = os.getpgid(int(entry.name))
            if group in found:
                before = found[group]
                found[group] = Usage(
                    pss_bytes=before.pss_bytes + _pss(entry),
                    cpu_seconds=before.cpu_seconds + _cpu_seconds(entry),
                )
        except (ProcessLookupError, FileNotFoundError, PermissionError):
            continue
    return found


def machine_busy() -> tuple[float, float]:
    """(busy, all) seconds of all cores since the machine started."""
    numbers = [int(part) for part in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    idle = numbers[3] + numbers[4]
    return (sum(numbers) - idle) / _TICKS, sum(numbers) / _TICKS


def _pss(process: Path) -> int:
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _cpu_seconds(process: Path) -> float:
    """Of a process and of the children that it has waited for."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
