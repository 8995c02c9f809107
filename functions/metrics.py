"""What the functions count, by the words of the code that counts. Labels come from our own code only.

Rule: no workspace, session, number, token or address may become a label. Without METRICS_TOKEN nobody may
read the numbers, so none are kept and `prometheus_client` is not imported: that is 50 ms of a cold start.
"""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from storage.event_log import Outcome
from storage.events import EventType

if TYPE_CHECKING:
    from storage.paintings import Painted
    from storage.registry_metrics import RegistryMetrics

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own name: where processes of one machine put their numbers for the one that is asked."""
_FILE = re.compile(r"\w+_(\d+)\.db")


class Metrics:
    """Keeps nothing. `functions.prometheus` is the one that does."""

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""

    def session_not_created(self, code: str) -> None:
        """POST /api/sessions ended with this problem."""

    def event(self, type_: EventType, outcome: Outcome) -> None:
        """A node's event was taken."""

    def painted(self, what: Painted, seconds: float) -> None:
        """A hosted page painted it, so long after it was there to paint."""

    def delivery(self, outcome: str, seconds: float) -> None:
        """One attempt of a webhook: delivered, failed, dead or gone."""

    def deliverer_looked(self, now: float) -> None:
        """The deliverer asked for work: it lives."""

    def exposition(self, registry: RegistryMetrics) -> tuple[bytes, str]:
        """Everything, in Prometheus' text form, and its content type."""
        return b"", "text/plain; charset=utf-8"


def open_metrics(token: str | None) -> Metrics:
    """The numbers of this process, shared through DIRECTORY when that is set."""
    if token is None:
        return Metrics()
    made: Metrics = import_module("functions.prometheus").PrometheusMetrics()
    return made


def share_between_processes(environ: MutableMapping[str, str]) -> None:
    """Before anything counts: name the directory for this process and the ones it forks, and forget processes
    that are no more. Their counters start anew, which is what a restart looks like to Prometheus."""
    if not environ.get("METRICS_TOKEN"):
        return
    directory = Path(environ.get(DIRECTORY) or f"{environ.get('DATA_DIR') or './data'}/run/metrics")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    environ[DIRECTORY] = str(directory.absolute())
    for path in directory.iterdir():
        match = _FILE.fullmatch(path.name)
        if match is not None and not _lives(int(match[1])):
            path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
