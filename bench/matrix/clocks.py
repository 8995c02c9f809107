"""Wrong clocks: libfaketime under a process, and a file that says by how much the process is off.

Rule: only the wall clock is moved. Monotonic and boot time go on, as on a machine whose time somebody set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

LIBRARY = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu" / "faketime" / "libfaketime.so.1"
APT = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "libfaketime"]


def why_not() -> str | None:
    """Why clocks cannot be moved here, or None. Root on Debian gets the library."""
    if not LIBRARY.exists() and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(APT, env=quiet, check=False, capture_output=True)
    return None if LIBRARY.exists() else "libfaketime is not installed"


def environ_of(file: Path) -> dict[str, str]:
    """For a process whose clock is to be moved by writing to this file."""
    file.write_text("+0s\n")
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
