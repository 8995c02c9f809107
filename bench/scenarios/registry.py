"""Every scenario, and the metrics it measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.bench import Bench
from bench.scenarios import life, page, polls, reads, snapshots, transport, wake, warm


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A function that measures, and what for."""

    run: Callable[[Bench], None]
    metrics: tuple[str, ...]


# the short ones first, so that what is broken shows early
SCENARIOS = {
    "reads": Scenario(run=reads.run, metrics=("reads_api", "reads_page")),
    "polls": Scenario(run=polls.run, metrics=("poll_cpu", "poll_answer")),
    "warm": Scenario(run=warm.run, metrics=("warm",)),
    "page": Scenario(run=page.run, metrics=("qr_painted", "number", "number_painted", "number_webhook")),
    "wake": Scenario(run=wake.run, metrics=("wake", "hibernated")),
    "traffic": Scenario(run=snapshots.run_traffic, metrics=("s3_bytes", "s3_requests", "s3_idle")),
    "lost_machine": Scenario(run=snapshots.run_lost_machine, metrics=("lost_machine",)),
    "life": Scenario(
        run=life.run, metrics=("cold", "link", "memory", "cpu", "kept", "lost", "warm", "number", "wake")
    ),
    "transport": Scenario(run=transport.run, metrics=("cold",)),
}
