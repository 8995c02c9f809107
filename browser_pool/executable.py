"""Where this machine's Chromium is.

Rule: it is the headless shell's own binary, because a pid that is not the browser's is of no use.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from storage.errors import ConfigError


def find_executable(configured: str | None) -> str:
    """The headless shell's own binary. Debian's /usr/bin entry is a script that forks, and a pid that
    is not the browser's is of no use, so scripts are read for the binary they start. Raises ConfigError.
    """
    names = ("chromium-headless-shell", "headless_shell", "chrome-headless-shell")
    found = (
        configured or next((path for path in map(shutil.which, names) if path), None) or _playwrights_shell()
    )
    if found is None or not os.access(found, os.X_OK):
        raise ConfigError(
            [
                f"CHROMIUM_PATH: no Chromium headless shell at {found or 'any usual place'}; run"
                " `make setup`, or `apt-get install chromium-headless-shell`, or name one"
            ]
        )
    with Path(found).open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"#!"):
        for candidate in re.findall(rb"/[\w./-]+", start.partition(b"\n")[2]):
            path: str = candidate.decode()
            if os.access(path, os.X_OK) and Path(path).is_file():
                return path
    return found


def _playwrights_shell() -> str | None:
    root = Path("~/.cache/ms-playwright").expanduser()
    shells = sorted(root.glob("chromium_headless_shell-*/chrome-*/*headless*shell"))
    return str(shells[-1]) if shells else None
