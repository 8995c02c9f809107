"""`python -m browser_pool doctor`: does this machine bring WhatsApp Web to its QR, and is all found in it?

Rule: beside a running node, not in it: a data directory of its own, no port, no secret, nothing left. It
needs no account and links nothing.

Exit code 0: all is found. 1: something is missing, or no QR came (`problems`). 2: this machine cannot tell.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from browser_pool.config import PoolConfig
from browser_pool.confinement import find_confinement
from browser_pool.driver import Driver
from browser_pool.examination import Examination, Examiner
from browser_pool.executable import find_executable
from browser_pool.lookup_file import LookupFile
from browser_pool.port_guard import FIX, KEPT_OUT, Reach, look_at_ports
from browser_pool.profile import Profile
from browser_pool.slot_settings import SlotSettings
from browser_pool.start_queue import Permit
from browser_pool.user_agent import read_user_agent
from storage.clock import SystemClock

PREFIX = "linkpool-doctor-"


async def examine_site(config: PoolConfig, driver: Driver) -> Examination:
    """Look once. Raises ConfigError when this machine has no browser, or cannot confine it."""
    executable = find_executable(config.chromium_path)
    directory = _ground()
    try:
        confinement = await find_confinement(
            directory, config.chromium_uid, sandbox=config.chromium_sandbox, users=config.chromium_uids
        )
        user_agent = await read_user_agent(executable)
        ports = await look_at_ports(confinement.users, config.debug_port_guard)
        await driver.wait_started()
        settings = SlotSettings(
            executable=executable,
            confinement=confinement,
            user_agent=user_agent,
            url=config.whatsapp_web_url,
            more_hosts=config.page_hosts,
            launch_timeout=config.launch_timeout,
            lookups=LookupFile(config.whatsapp_lookups),
        )
        within = config.load_timeout + config.first_qr_timeout
        examiner = Examiner(settings, driver, SystemClock(), within)
        seen = await examiner.examine(Profile(directory, "doctor"), Permit(lambda: None))
        seen.debug_port = ports.to_json()
        return seen
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


def _ground() -> Path:
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    directory.chmod(0o711)  # the browser's uid walks through it where mounts are forbidden
    return directory


def report(seen: Examination, *, as_json: bool) -> int:
    """Print what was seen; give the exit code."""
    if as_json:
        print(json.dumps(seen.to_json(), ensure_ascii=False))
        return 0 if seen.good else 1
    for line in _lines(seen):
        print(line)
    return 0 if seen.good else 1


def _lines(seen: Examination) -> list[str]:
    steps = ", ".join(f"{step} after {took} ms" for step, took in seen.timings_ms.items()) or "none"
    lines = [
        f"site      {seen.url}",
        f"version   {seen.web_version or 'not told by the page'}; Chromium {seen.chromium}",
        f"sandbox   {'on' if seen.sandbox else 'OFF: a page that breaks out owns this machine'}",
        f"ports     {port_line(seen.debug_port)}",
        f"steps     {steps}",
        f"memory    {seen.pss_mb or '?'} MB",
    ]
    for outcome, label in (("found", "found"), ("fell_back", "fell back"), ("missing", "MISSING")):
        names = seen.named(outcome)
        if names:
            lines.append(f"{label:<10}{', '.join(names)}")
    lines += [f"page      {line}" for line in seen.console[-5:]]
    lines += [f"PROBLEM   {problem}" for problem in seen.problems]
    if seen.named("missing") or seen.named("fell_back"):
        lines.append("next      docs/operate.md, 'WhatsApp changed its page'")
    elif not seen.good:
        lines.append("next      docs/operate.md, 'LinkpoolSuccessLow'")
    lines.append("verdict   " + ("good" if seen.good else "not good"))
    return lines


def port_line(seen: Mapping[str, str] | None) -> str:
    """Who can reach a debugging port, for people."""
    if seen is None:
        return "not looked at"
    others = {
        Reach.CLOSED: "closed to other users of this machine",
        Reach.SHUT: "shut to everybody but the pool",
        Reach.ALONE: "nobody else is in this container",
        Reach.TOLD: "closed to other users, says DEBUG_PORT_GUARD=outside",
        Reach.OPEN: f"OPEN to every user of this machine: {FIX}",
        Reach.UNKNOWN: f"not known who reaches them: {FIX}",
    }[Reach(seen["others"])]
    browsers = "closed" if Reach(seen["browsers"]) in KEPT_OUT else "open"
    return f"{others}; {browsers} between browsers"


def site_environ(environ: Mapping[str, str], url: str | None) -> dict[str, str]:
    """The environment of a doctor: he reports to nobody, so he needs no secret."""
    changed = {**environ, "POOL_SECRET": secrets.token_hex(32)}
    return changed if url is None else {**changed, "WHATSAPP_WEB_URL": url}


def print_problem(error: Exception) -> int:
    """This machine cannot tell."""
    print(error, file=sys.stderr)
    return 2
