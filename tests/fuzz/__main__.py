"""`python -m tests.fuzz NAME SECONDS`: one target under atheris, guided by coverage, from the honest seeds.

By hand, for minutes; needs requirements-tools.txt. What it finds is written to the current directory by
libFuzzer: mend the parser, and keep the file in tests/fuzz/cases/NAME/.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["storage", "browser_pool", "functions"]):
    from tests.fuzz.seeds import seeds
    from tests.fuzz.targets import TARGETS


def main(name: str, seconds: int) -> None:
    """Does not return: libFuzzer ends the process."""
    with tempfile.TemporaryDirectory() as corpus:
        for index, seed in enumerate(seeds()[name]):
            (Path(corpus) / str(index)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-max_len=8192", "-rss_limit_mb=2048", "-timeout=20"]
        atheris.Setup([sys.argv[0], *options, corpus], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
