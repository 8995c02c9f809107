"""`make setup` on a machine where everything is there."""

import os
import subprocess
import time

from deploy.settings import ROOT


def setup(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["deploy/setup.sh"],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_second_setup_does_nothing_and_is_quick() -> None:
    assert setup().returncode == 0
    started_at = time.monotonic()
    again = setup(PIP_NO_INDEX="1", PIP_FIND_LINKS="", http_proxy="http://127.0.0.1:9")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert time.monotonic() - started_at < 1


def test_setup_names_a_chromium_that_is_none() -> None:
    refused = setup(CHROMIUM_PATH="/no/such/program")
    assert refused.returncode == 1
    assert refused.stderr == "setup: CHROMIUM_PATH=/no/such/program is no program.\n"
