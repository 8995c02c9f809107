"""The face of an ordinary browser. The site refuses browsers it does not know, and headless names itself.

Three places tell: the UA string (a flag covers every thread), the client hints of pages and dedicated
workers (one override), and those of service workers (an override for each, while it is held at its
start). All are made from the version that really runs, so they never contradict each other.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from typing import Any

from storage.errors import ConfigError

GREASE = {"brand": "Not:A-Brand", "version": "8"}
"""Browsers send one brand that means nothing, so that sites do not match on the list's shape."""


class UserAgent:
    """What this Chromium calls itself outside."""

    def __init__(self, version: str) -> None:
        self.version = version
        major = version.partition(".")[0]
        self.text = (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
            f" Chrome/{major}.0.0.0 Safari/537.36"
        )
        brands = ("Chromium", "Google Chrome")
        self._override = {
            "userAgent": self.text,
            "platform": "Linux x86_64",
            "userAgentMetadata": {
                "brands": [GREASE] + [{"brand": brand, "version": major} for brand in brands],
                "fullVersionList": [{"brand": "Not:A-Brand", "version": "8.0.0.0"}]
                + [{"brand": brand, "version": version} for brand in brands],
                "fullVersion": version,
                "platform": "Linux",
                "platformVersion": "",
                "architecture": "x86",
                "bitness": "64",
                "model": "",
                "mobile": False,
                "wow64": False,
            },
        }

    def override(self) -> dict[str, Any]:
        """Parameters of CDP's Emulation.setUserAgentOverride."""
        return self._override


async def read_user_agent(executable: str) -> UserAgent:
    """Ask the binary for its version. Raises ConfigError."""
    process = await asyncio.create_subprocess_exec(
        executable, "--version", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    match = re.search(rb"\d+\.\d+\.\d+\.\d+", output)
    if match is None:
        raise ConfigError([f"CHROMIUM_PATH={executable} does not tell its version: {output[:100]!r}"])
    return UserAgent(match.group().decode())
