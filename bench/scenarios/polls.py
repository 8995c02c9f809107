"""Hosted pages that wait for a scan: what a poll costs, and how many a single core carries."""

from __future__ import annotations

from bench import open_pages
from bench.bench import Bench
from bench.functions_alone import running
from bench.loader import BadAnswers
from bench.ours import free_ports
from bench.results import Side

FEW, MANY = 50, 1000
SETTLE_SECONDS = 8.0
"""Until the server has found the pace for so many pages."""
BATCHES = 10


def run(bench: Bench) -> None:
    """Rows poll_cpu and poll_answer: one gunicorn worker held to one core, SQLite, a session for each page.

    CPU is that of gunicorn with its master, by the polls of a batch; batches of 50 pages at their own pace,
    and of 1,000 at the pace that the server gives them. Until it has told them, they ask for twice of what
    one core does, and are refused for a second or two. After that nobody is: raises BadAnswers.
    """
    with bench.step("polls"), running(bench.place(), *free_ports(1)) as functions:
        pages = functions.open_pages(MANY)
        functions.use_one_core()
        for count in (FEW, MANY):
            open_pages.poll(pages[:count], SETTLE_SECONDS)
            for _ in range(BATCHES):
                before = functions.cpu_seconds()
                met = open_pages.poll(pages[:count], bench.plan.read_seconds)
                used = functions.cpu_seconds() - before
                if met.refused:
                    raise BadAnswers(f"{met.refused} of {len(met.answers)} polls were refused")
                bench.results.add(Side.OURS, "poll_cpu", count, used / len(met.answers))
                if count == MANY:
                    bench.results.add(Side.OURS, "poll_answer", count, *met.answers)
                    bench.results.add_beside("poll_core", used / met.seconds)
                    bench.results.add_beside("polls_per_second", len(met.answers) / met.seconds)
                    bench.results.add_beside("polls_lost", met.lost)
        for page in pages:
            page.close()
