"""Whether others on this machine can reach the browsers' debugging ports: tried, not assumed.

Chromium asks nobody who connects to such a port for a password. So each is shut (`door.py`), and where that
cannot be done others have to be kept out by the machine. Both are tried before the first session: on a port
of a process of the browsers' user, and by a process of another user on a port as browsers get one.

Rule: a word is no proof. What could not be tried is unknown, and whoever demands a proof gets no node then.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from browser_pool.browser_users import BrowserUsers, users_of_processes
from browser_pool.door_trial import door_holds
from storage.errors import ConfigError

log = logging.getLogger(__name__)

STRANGER = 65534
"""Nobody: a user that every machine has and no pool runs as."""
TRY_WITHIN_SECONDS = 20
FIX = (
    "give the pool the right to shut them (root with CAP_NET_ADMIN and CAP_SYS_PTRACE), run the node in a"
    " container or virtual machine of its own, or load deploy/nftables/linkpool.nft with its user in it"
    " (`python -m browser_pool ports` as root tries that); DEBUG_PORT_GUARD=report accepts it, where nobody"
    " else has a login"
)
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""The kernel's own, by its fixed number."""
_TRY = """
import os, socket, sys
try:
    if sys.argv[1] != "same":
        uid = int(sys.argv[1])
        os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
except OSError:
    sys.exit(3)
try:
    trying = socket.socket()
    trying.settimeout(3)
    trying.connect(("127.0.0.1", int(sys.argv[2])))
except OSError:
    sys.exit(4)
"""
_KEPT_OUT = 4


class Guard(StrEnum):
    """DEBUG_PORT_GUARD."""

    REPORT = "report"
    """Say what was found."""
    REQUIRED = "required"
    """No node unless others are kept out."""
    OUTSIDE = "outside"
    """Whoever starts the pool has seen to it, for a pool that may not try: the systemd unit does."""


class Reach(StrEnum):
    """How far somebody comes. Wire names of /health."""

    CLOSED = "closed"
    """He tried, and was kept out."""
    SHUT = "shut"
    """Each port of a browser lets in nobody but its pool (`door.py`)."""
    ALONE = "alone"
    """Nobody is there: a network of our own, and no process but ours."""
    TOLD = "told"
    """The operator says so (DEBUG_PORT_GUARD=outside)."""
    OPEN = "open"
    """He tried, and was let in."""
    UNKNOWN = "unknown"
    """This pool may not try as somebody else."""


KEPT_OUT = frozenset({Reach.CLOSED, Reach.SHUT, Reach.ALONE, Reach.TOLD})


@dataclass(frozen=True, kw_only=True)
class PortsSeen:
    """What was found."""

    others: Reach
    """Other users of this machine."""
    browsers: Reach
    """Browsers themselves: whether one that broke out of its sandbox comes to its neighbours this way."""

    def to_json(self) -> dict[str, str]:
        return {"others": self.others.value, "browsers": self.browsers.value}


async def look_at_ports(users: BrowserUsers | None, guard: Guard, *, doors: bool = True) -> PortsSeen:
    """Try. `users` is None where browsers have the pool's own; `doors` is False when only what the machine
    does about it counts. Raises ConfigError."""
    browser = None if users is None else users.uids[0]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ours, others, browsers, shut = await asyncio.gather(
            try_as(None, port),
            try_as(STRANGER, port),
            try_as(browser, port),
            asyncio.to_thread(door_holds, browser) if doors else asyncio.sleep(0, result=False),
        )
        if ours is Reach.CLOSED:
            raise ConfigError(
                [
                    f"a packet filter keeps the pool itself (uid {os.geteuid()}) from its browsers' debugging"
                    " ports; name its user in deploy/nftables/linkpool.nft"
                ]
            )
    if shut:
        others, browsers = (one if one is Reach.CLOSED else Reach.SHUT for one in (others, browsers))
    if others not in KEPT_OUT and is_alone({0, os.geteuid(), *(() if users is None else users.uids)}):
        others = Reach.ALONE
    if others is Reach.UNKNOWN and guard is Guard.OUTSIDE:
        others = Reach.TOLD
    return PortsSeen(others=others, browsers=browsers)


def judge(seen: PortsSeen, guard: Guard) -> None:
    """Say it, and refuse where a proof is demanded. Raises ConfigError."""
    if seen.others in KEPT_OUT:
        log.info("debug_port_guarded", extra=seen.to_json())
        return
    risk = (
        "every user of this machine can take over the browsers"
        if seen.others is Reach.OPEN
        else "whether other users of this machine can reach the browsers is not known"
    )
    if guard is Guard.REQUIRED:
        raise ConfigError([f"DEBUG_PORT_GUARD=required: {risk}; {FIX}"])
    event = "DEBUG_PORT_OPEN" if seen.others is Reach.OPEN else "DEBUG_PORT_UNKNOWN"
    log.warning(event, extra={**seen.to_json(), "risk": risk, "fix": FIX})


async def try_as(uid: int | None, port: int) -> Reach:
    """What a process of this user meets there; None: of our own. Only root can become somebody else."""
    who = "same" if uid is None else str(uid)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", _TRY, who, str(port)), stdin=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(TRY_WITHIN_SECONDS):
            code = await process.wait()
    except TimeoutError:
        return Reach.UNKNOWN
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code == 0:
        return Reach.OPEN
    return Reach.CLOSED if code == _KEPT_OUT else Reach.UNKNOWN


def is_alone(ours: set[int], proc: Path = Path("/proc")) -> bool:
    """Whether this is a container with a network of its own in which every process is ours.

    A second container that shares the network (a sidecar) cannot be seen from inside.
    """
    core = proc / "sys" / "net" / "core"
    own_network = (core / "somaxconn").exists() and not (core / "netdev_budget").exists()
    if not own_network or str((proc / "self" / "ns" / "pid").readlink()) == _FIRST_PID_NAMESPACE:
        return False
    return (proc / "1" / "status").exists() and users_of_processes(proc) <= ours
