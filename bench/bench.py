"""What every scenario is given: the plan, the one stand-in, both sides ready to be started, the results."""

from __future__ import annotations

import itertools
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ours import Ours
from bench.peer import Peer, trust
from bench.plan import Plan
from bench.results import Results
from tests.standin.client import StandIn

WEIGHT = {"weight": "medium"}


class Bench:
    """One run."""

    def __init__(self, plan: Plan, directory: Path, standin: StandIn, peer_chromium: str) -> None:
        self.plan = plan
        self.results = Results()
        self.standin = standin
        options = standin.options()
        self.link_seconds = options["link_ms"] / 1000
        """From the accepted scan until WhatsApp's server tells the page that it is linked, and its number."""
        self.sync_seconds = options["sync_ms"] / 1000
        assert standin.tls_port is not None
        self.tls_port = standin.tls_port
        self.trust = trust(standin.tls_port)
        self.chromium = peer_chromium
        """A whole Chromium: the peer's, and the end user's who looks at the hosted page."""
        self._directory = directory
        self._places = itertools.count()
        self._numbers = (f"62811{place:07}" for place in itertools.count(1))
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"[{time.monotonic() - self._began:6.1f} s] {text}", file=sys.stderr, flush=True)

    def numbers(self, count: int) -> list[str]:
        """Phone numbers that nothing in this run has used."""
        return list(itertools.islice(self._numbers, count))

    def ours(self, **environ: str) -> Ours:
        """Our system, new and empty."""
        return Ours(self.place(), self.standin.url, **environ)

    def peer(self, directory: Path) -> Peer:
        """The peer, on what lies in the directory."""
        return Peer(directory, self.chromium, self.trust)

    def place(self) -> Path:
        """A directory that nobody has used."""
        return self._directory / f"run{next(self._places)}"

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """A part of the run that may fail without ending it; its directories are removed afterwards."""
        failures = len(self.results.failures)
        began = time.monotonic()
        with self.results.surviving(what):
            yield
        failed = self.results.failures[failures:]
        outcome = f"FAILED: {failed[0]['error']}" if failed else f"{time.monotonic() - began:.1f} s"
        self.say(f"{what}: {outcome}")
        for used in self._directory.iterdir():
            shutil.rmtree(used, ignore_errors=True)

    def missed(self, what: str, wanted: int, got: int, errors: list[str]) -> None:
        """Write down when the peer brought fewer sessions than were wanted."""
        if got < wanted:
            why = "; ".join(errors) or "it said nothing"
            self.results.miss(f"{what}: {wanted - got} of {wanted}; {why}")
