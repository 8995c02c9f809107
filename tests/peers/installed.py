"""Where Node and the peers' packages are. In CI their absence is a failure; elsewhere the tests skip."""

import os
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
WA_JS = PACKAGES / "@wppconnect" / "wa-js" / "dist" / "wppconnect-wa.js"


def missing() -> str | None:
    """What is missing, in one line."""
    if shutil.which("node") is None:
        return "peers need Node 20 or newer on PATH"
    others = ("whatsapp-web.js", "standardwebhooks")
    if not WA_JS.exists() or not all((PACKAGES / name).exists() for name in others):
        return "peers are not installed: npm ci --prefix tests/peers"
    return None


@pytest.fixture(autouse=True)
def peers_installed() -> None:
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
