"""What an operator runs on a node's machine beside the node: `doctor`, `diagnosis` and `ports`."""

from __future__ import annotations

import argparse
import asyncio
import json
import pwd
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from browser_pool.config import PoolConfig
from browser_pool.diagnosis import diagnoses, packed
from browser_pool.doctor import examine_site, port_line, print_problem, report, site_environ
from browser_pool.driver import Driver
from browser_pool.examination import Examination
from browser_pool.port_guard import KEPT_OUT, Guard, PortsSeen, Reach, look_at_ports, try_as
from storage.errors import ConfigError


def run_command(arguments: list[str], environ: Mapping[str, str]) -> int:
    """The exit code. Wrong usage ends with 2."""
    asked = _parser().parse_args(arguments)
    if asked.command == "doctor":
        return _doctor(asked.url, environ, as_json=asked.json)
    if asked.command == "ports":
        return _ports(asked.user, as_json=asked.json)
    data_dir = Path(environ.get("DATA_DIR") or "./data")
    if asked.session_id is None:
        return _list(data_dir, as_json=asked.json)
    return _fetch(data_dir, asked.session_id, asked.out, as_json=asked.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m browser_pool", description="Without a command: run one node until SIGTERM."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    doctor = commands.add_parser(
        "doctor", help="open WhatsApp Web up to its QR, without an account, and say what was found"
    )
    doctor.add_argument("--url", help="look at this site (WHATSAPP_WEB_URL)")
    diagnosis = commands.add_parser("diagnosis", help="what this node wrote down when sessions failed")
    diagnosis.add_argument("session_id", nargs="?", help="the newest of this session; without it, list all")
    diagnosis.add_argument("--out", type=Path, help="also write all of this session's to this .tar.gz")
    ports = commands.add_parser(
        "ports", help="as root: try who else can reach a debugging port; exit code 1: another user can"
    )
    ports.add_argument("--user", help="the user of the pool, who has to be let in")
    for command in (doctor, diagnosis, ports):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _doctor(url: str | None, environ: Mapping[str, str], *, as_json: bool) -> int:
    async def look() -> Examination:
        config = PoolConfig.from_env(site_environ(environ, url))
        async with Driver() as driver:
            return await examine_site(config, driver)

    try:
        return report(asyncio.run(look()), as_json=as_json)
    except ConfigError as error:
        return print_problem(error)


def _ports(user: str | None, *, as_json: bool) -> int:
    """0: others are kept out. 1: they are not, or the pool's user is. 2: it could not be tried."""

    async def look() -> tuple[PortsSeen, Reach]:
        seen = await look_at_ports(None, Guard.REPORT, doors=False)
        if user is None:
            return seen, Reach.OPEN
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return seen, await try_as(pwd.getpwnam(user).pw_uid, listener.getsockname()[1])

    try:
        seen, ours = asyncio.run(look())
    except (ConfigError, KeyError) as error:
        return print_problem(error)
    found = {"others": seen.others.value, "pool": ours.value}
    print(json.dumps(found) if as_json else port_line(seen.to_json()).partition(";")[0])
    if ours is Reach.CLOSED:
        print(f"the pool's user {user} is kept out as well; name it in the packet filter", file=sys.stderr)
        return 1
    if Reach.UNKNOWN in {seen.others, ours}:
        return 2
    return 0 if seen.others in KEPT_OUT else 1


def _list(data_dir: Path, *, as_json: bool) -> int:
    found = [json.loads((folder / "why.json").read_text()) for folder in diagnoses(data_dir)]
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    for one in found if not as_json else []:
        print(f"{one['at']}  {one['session_id']}  {one['reason_code']}  {one['why']}")
    return 0


def _fetch(data_dir: Path, session_id: str, out: Path | None, *, as_json: bool) -> int:
    folders = diagnoses(data_dir, session_id)
    if not folders:
        return print_problem(LookupError(f"there is no diagnosis of session {session_id} under {data_dir}"))
    text = (folders[-1] / "why.json").read_text()
    print(json.dumps(json.loads(text)) if as_json else text.rstrip())
    if out is not None:
        out.write_bytes(packed(folders))
    return 0
