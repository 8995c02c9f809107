"""Wrong clocks: a library under a process, and a file that says by how many seconds the process is off.

Rule: only the wall clock is moved. Monotonic and boot time go on, as on a machine whose time somebody set.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock_shim.c")


def why_not() -> str | None:
    """Why clocks cannot be moved here, or None."""
    return None if shutil.which("cc") is not None else "there is no C compiler for the clock's library"


def build(directory: Path) -> Path:
    """The library, for this machine."""
    library = directory / "clock_shim.so"
    command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


def environ_of(library: Path, file: Path) -> dict[str, str]:
    """For a process whose clock is moved by writing to this file."""
    set_off(file, 0)
    return {"LD_PRELOAD": str(library), "CLOCK_OFF_BY_FILE": str(file)}


def set_off(file: Path, seconds: int) -> None:
    """Within a second the process is off by so much."""
    draft = file.with_suffix(".new")
    draft.write_text(f"{seconds}\n")
    draft.replace(file)
