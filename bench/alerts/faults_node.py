"""Faults of a node: a slow site, heavy pages, browsers that die, a machine that is held or busy."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack

from bench.alerts.world import WITHIN, Fault, Stage, World

PAUSE_SECONDS = 1.5
PAUSES = 20
"""More than one look in a hundred has to be late, of all since the node started."""


def _site_is_slow(world: World, stack: ExitStack) -> None:
    _quick_start(world, stack)
    stack.callback(world.system.standin.options, slow_index_ms=0)
    world.system.standin.options(slow_index_ms=25_000)
    session_id = world.system.create()["id"]
    stack.callback(world.delete, session_id)
    world.system.until(session_id, lambda one: one["qr"] is not None, WITHIN)


def _quick_start(world: World, stack: ExitStack) -> None:
    """As on the days before: a series that begins with its fault has not grown yet."""
    session_id = world.system.create()["id"]
    stack.callback(world.delete, session_id)
    world.system.until(session_id, lambda one: one["qr"] is not None, WITHIN)
    time.sleep(3)  # a scrape or two: what is looked for is a growth between two of them


def _numbers_are_late(world: World, stack: ExitStack) -> None:
    stack.callback(world.delete, world.link())
    time.sleep(3)  # as above
    stack.callback(world.system.standin.options, late_number=None)
    world.system.standin.options(late_number=25_000)
    stack.callback(world.delete, world.link())


def _browsers_die(world: World, stack: ExitStack) -> None:
    session_ids = [world.link() for _ in range(3)]
    stack.callback(world.delete, *session_ids)
    for _ in range(3):
        for session_id in session_ids:
            world.kill_browser(session_id)


def _page_is_heavy(world: World, stack: ExitStack) -> None:
    stack.callback(world.system.standin.options, heap_bytes=0)
    world.system.standin.options(heap_bytes=900_000_000)
    session_id = world.system.create()["id"]
    stack.callback(world.delete, session_id)
    world.system.until(session_id, lambda one: one["qr"] is not None, WITHIN)


def _node_is_held(world: World, stack: ExitStack) -> None:
    pid = world.system.pid("pool")
    stack.callback(os.kill, pid, signal.SIGCONT)
    for _ in range(PAUSES):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)
        os.kill(pid, signal.SIGCONT)
        time.sleep(PAUSE_SECONDS)


def _cpu_is_taken(world: World, stack: ExitStack) -> None:
    world.burn(stack)


NODE = Stage(
    name="node",
    settings={
        "CHROMIUM_SANDBOX": "off",
        "LAUNCH_TIMEOUT_SECONDS": "120",
        "LOAD_TIMEOUT_SECONDS": "120",
        "FIRST_QR_TIMEOUT_SECONDS": "120",
        "LINK_TIMEOUT_SECONDS": "180",
        "MEMORY_BUDGET_MB": "900",
        "MEMORY_RECYCLE_MB": "100000",
    },
    faults=(
        Fault(
            alerts=("LinkpoolSandboxOff",),
            what="a node started with CHROMIUM_SANDBOX=off",
            cause=lambda world, stack: None,
            of_the_start=True,
        ),
        Fault(
            alerts=("LinkpoolQrSlow", "LinkpoolQrSlowCritical"),
            what="the site took 25 s for its first document",
            cause=_site_is_slow,
        ),
        Fault(
            alerts=("LinkpoolPhoneSlow", "LinkpoolPhoneSlowCritical"),
            what="the page named the number 25 s after it was in sync",
            cause=_numbers_are_late,
        ),
        Fault(
            alerts=("LinkpoolBrowsersDie",),
            what="kill -9 to nine browsers of three linked sessions, one after the other",
            cause=_browsers_die,
        ),
        Fault(
            alerts=("LinkpoolMemoryHigh", "LinkpoolMemoryHighCritical", "LinkpoolMemoryBudget"),
            what="a page kept 900 MB, with MEMORY_RECYCLE_MB above it and MEMORY_BUDGET_MB=900",
            cause=_page_is_heavy,
        ),
        Fault(
            alerts=("LinkpoolLoopLate",),
            what=f"SIGSTOP to the pool for {PAUSE_SECONDS} s, {PAUSES} times: a host that is overbooked",
            cause=_node_is_held,
        ),
        Fault(
            alerts=("LinkpoolCpuHigh", "LinkpoolCpuHighCritical"),
            what="a busy process for each core",
            cause=_cpu_is_taken,
        ),
    ),
)
