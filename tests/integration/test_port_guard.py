"""Other users and the debugging ports of real browsers: shut by the pool, behind the packet filter that we
ship, and with neither.

Each in a network namespace of its own, so that nothing of the machine is touched. A pool that may not trace
processes of others may not shut their ports.
"""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from browser_pool.door_trial import door_holds
from browser_pool.port_guard import STRANGER
from deploy.settings import ROOT
from tests.fakes.functions import POOL_SECRET
from tests.integration.deploy_processes import SECRETS, Tool, environ_in, processes_of
from tests.waiting import eventually

FILTER = ROOT / "deploy" / "nftables" / "linkpool.nft"
POOL_USER = 60901
"""In the place of linkpool-pool, whom this machine does not have."""


def _own_network() -> bool:
    if os.geteuid() != 0:
        return False
    tried = subprocess.run(["unshare", "--net", "ip", "link", "set", "lo", "up"], capture_output=True)
    return tried.returncode == 0


OWN_NETWORK = _own_network()
NFT = shutil.which("nft", path=os.defpath + ":/usr/sbin:/sbin")
needs_network = pytest.mark.skipif(not OWN_NETWORK, reason="needs root and a network namespace")
needs_filter = pytest.mark.skipif(
    not OWN_NETWORK
    or NFT is None
    or subprocess.run(
        ["unshare", "--net", NFT, "add", "table", "inet", "tried"], capture_output=True
    ).returncode
    != 0,
    reason="needs root, nft, and a kernel that has it",
)

needs_door = pytest.mark.skipif(
    not OWN_NETWORK or not door_holds(60900), reason="needs root with CAP_NET_ADMIN and CAP_SYS_PTRACE"
)
MAY_NOT_SHUT = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]

REAL_BROWSER = """
import asyncio, json, sys
from pathlib import Path
from browser_pool.chromium import Chromium
from browser_pool.executable import find_executable
from browser_pool.confinement import find_confinement
from browser_pool.port_guard import try_as
from browser_pool.profile import Profile

async def main(directory):
    confinement = await find_confinement(directory, 60900, sandbox=True)
    browser = await Chromium.spawn(
        find_executable(None), Profile(directory, "one"), confinement, "Test", None, background=False
    )
    try:
        who = (None, 65534, 60900, 60901)
        found = await asyncio.gather(*(try_as(uid, browser.mark.port) for uid in who))
        met = {str(uid): one.value for uid, one in zip(who, found)}
    finally:
        await browser.kill()
    print(json.dumps(met))

asyncio.run(main(Path(sys.argv[1])))
"""


def network(filtered: bool, directory: Path) -> list[str]:
    """The beginning of a command line that runs in a network of its own."""
    script = 'ip link set lo up && exec "$@"'
    if filtered:
        rules = directory / "rules.nft"
        rules.write_text(FILTER.read_text().replace('"linkpool-pool"', str(POOL_USER)))
        script = f"ip link set lo up && {NFT} -f {rules} && {NFT} -f {rules} && " + 'exec "$@"'
    return ["unshare", "--net", "sh", "-c", script, "sh"]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def ports(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "browser_pool", "ports", "--json", *arguments]


@needs_network
def test_without_a_filter_it_is_found_that_others_are_let_in(tmp_path: Path) -> None:
    found = run([*network(False, tmp_path), *ports()])
    assert (found.returncode, json.loads(found.stdout)["others"]) == (1, "open")
    said = run([*network(False, tmp_path), *ports()[:-1]])
    assert "nftables/linkpool.nft" in said.stdout


@needs_filter
def test_behind_the_filter_others_are_kept_out_and_it_can_be_loaded_twice(tmp_path: Path) -> None:
    found = run([*network(True, tmp_path), *ports()])
    assert (found.returncode, json.loads(found.stdout)) == (0, {"others": "closed", "pool": "open"})


@needs_filter
def test_a_filter_that_forgets_the_pools_user_is_noticed(tmp_path: Path) -> None:
    found = run([*network(True, tmp_path), *ports("--user", pwd.getpwuid(STRANGER).pw_name)])
    assert found.returncode == 1
    assert "name it in the packet filter" in found.stderr


def test_a_user_that_does_not_exist_is_said() -> None:
    assert run(ports("--user", "nobody-of-this-name")).returncode == 2


@pytest.mark.browser
@needs_filter
def test_a_real_browsers_port_is_open_to_the_pool_alone(tmp_path: Path) -> None:
    script = [*MAY_NOT_SHUT, sys.executable, "-c", REAL_BROWSER]
    met = json.loads(run([*network(True, tmp_path), *script, str(tmp_path)]).stdout)
    assert met == {"None": "open", "65534": "closed", "60900": "closed", str(POOL_USER): "open"}
    met = json.loads(run([*network(False, tmp_path), *script, str(tmp_path)]).stdout)
    assert met == {"None": "open", "65534": "open", "60900": "open", str(POOL_USER): "open"}


@pytest.mark.browser
@needs_door
def test_a_real_browsers_port_is_shut_to_everybody(tmp_path: Path) -> None:
    script = [sys.executable, "-c", REAL_BROWSER]
    met = json.loads(run([*network(False, tmp_path), *script, str(tmp_path)]).stdout)
    assert set(met.values()) == {"closed"}


@contextmanager
def pool(
    directory: Path, *, filtered: bool, may_shut: bool = False, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A node with nobody to report to, in a network of its own."""
    log = directory / "pool.log"
    environment = {
        **{name: os.environ[name] for name in ("PATH", "CHROMIUM_PATH") if name in os.environ},
        "DATA_DIR": str(directory / "data"),
        "POOL_SECRET": POOL_SECRET,
        "WARM_SLOTS": "0",
        "POOL_PORT": "8100",
        **environ,
    }
    with log.open("wb") as output:
        started = subprocess.Popen(
            [
                *network(filtered, directory),
                *([] if may_shut else MAY_NOT_SHUT),
                *(sys.executable, "-m", "browser_pool"),
            ],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        started.wait(60)


def health(pid: int) -> dict[str, object]:
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8100/health').read().decode())"
    inside = ["nsenter", "--target", str(pid), "--net", sys.executable, "-c", ask]
    found: dict[str, object] = json.loads(run(inside).stdout)
    return found


@pytest.mark.browser
@needs_filter
def test_a_node_that_demands_it_starts_behind_the_filter_and_says_so(tmp_path: Path) -> None:
    with pool(tmp_path, filtered=True, DEBUG_PORT_GUARD="required") as started:
        eventually(lambda: "node_ready" in (tmp_path / "pool.log").read_text(), within=60)
        assert health(started.pid)["debug_port"] == {"others": "closed", "browsers": "closed"}
    assert "debug_port_guarded" in (tmp_path / "pool.log").read_text()


@pytest.mark.browser
@needs_door
def test_a_node_that_demands_it_starts_where_it_can_shut_them(tmp_path: Path) -> None:
    with pool(tmp_path, filtered=False, may_shut=True, DEBUG_PORT_GUARD="required") as started:
        eventually(lambda: "node_ready" in (tmp_path / "pool.log").read_text(), within=60)
        assert health(started.pid)["debug_port"] == {"others": "shut", "browsers": "shut"}
    assert "debug_port_guarded" in (tmp_path / "pool.log").read_text()


@pytest.mark.browser
@needs_network
def test_a_node_that_demands_it_does_not_start_without(tmp_path: Path) -> None:
    with pool(tmp_path, filtered=False, DEBUG_PORT_GUARD="required") as started:
        assert started.wait(60) == 2
    said = (tmp_path / "pool.log").read_text()
    assert re.search(r"DEBUG_PORT_GUARD=required: every user of this machine .*linkpool\.nft", said)


@pytest.mark.browser
@needs_network
def test_a_node_that_does_not_demand_it_says_how_it_is(tmp_path: Path) -> None:
    with pool(tmp_path, filtered=False) as started:
        eventually(lambda: "node_ready" in (tmp_path / "pool.log").read_text(), within=60)
        assert health(started.pid)["debug_port"] == {"others": "open", "browsers": "open"}
    assert "DEBUG_PORT_OPEN" in (tmp_path / "pool.log").read_text()


@pytest.mark.browser
@needs_network
def test_up_demands_it_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    exposed = [*network(False, tmp_path), *MAY_NOT_SHUT]
    environ = environ_in(tmp_path, **SECRETS)
    del environ["DEBUG_PORT_GUARD"]
    with Tool("deploy.up", environ, exposed) as up:
        assert up.ends() == 1
        assert re.search(r"DEBUG_PORT_GUARD=required: every user .*=report accepts", up.output)
        assert "Traceback" not in up.output
    with Tool("deploy.up", {**environ, "DEBUG_PORT_GUARD": "report"}, exposed) as up:
        up.prints("linkpool is up")
        assert up.stop() == 0
    assert processes_of(tmp_path) == {}
