"""Running the deploy tools as processes, and looking for what they leave behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from deploy.settings import ROOT
from tests.ports import free_port

WITHIN = 60.0
SECRETS = {
    "POOL_SECRET": "0123456789abcdef" * 4,
    "SECRET_KEY": "fedcba9876543210" * 4,
    "SNAPSHOT_KEY": "BYVUbdCCfsRZOGHUlqL4nYzFTR87oVZVnjYYRLp/juc=",
}

T = TypeVar("T")


def environ_in(data_dir: Path, **more: str) -> dict[str, str]:
    """An environment that says nothing but what is needed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "CHROMIUM_PATH") if name in os.environ}
    ports = {"FUNCTIONS_PORT": str(free_port()), "POOL_PORT": str(free_port())}
    # whoever is not root cannot keep others out, and tests the rest all the same
    told = {"DATA_DIR": str(data_dir), "NODE_ID": f"node-{data_dir.name}", "DEBUG_PORT_GUARD": "report"}
    return {**kept, **ports, **told, **more}


def processes_of(data_dir: Path) -> dict[int, str]:
    """Every process that was told of this directory, with its command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            if str(data_dir).encode() in command + b"\0" + (entry / "environ").read_bytes():
                found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # ended while we looked, or not ours to see
            continue
    return {pid: command for pid, command in found.items() if command}


def eventually(fact: Callable[[], T], what: str, within: float = WITHIN) -> T:
    deadline = time.monotonic() + within
    while not (answer := fact()):
        assert time.monotonic() < deadline, f"waited {within} s until {what}"
        time.sleep(0.05)
    return answer


class Tool:
    """One `python -m deploy.…`, and what it printed."""

    def __init__(self, module: str, environ: dict[str, str], within: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*within, sys.executable, "-m", module],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def prints(self, text: str) -> None:
        """Wait until it printed this."""

        def found() -> bool:
            assert self.process.poll() is None or text in self.output, self.output
            return text in self.output

        eventually(found, f"it prints {text!r}")

    def stop(self) -> int:
        """SIGTERM, and the status that came of it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.ends()

    def ends(self) -> int:
        status = self.process.wait(WITHIN * 2)
        self._reader.join()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert self.process.stdout is not None
        self.process.stdout.close()
