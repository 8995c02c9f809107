"""What this machine gives a node: a data directory and a port for itself alone, a browser, walls around it.

Rule: found out before anything starts, so that a wrong setting costs no browser; each is a ConfigError.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from browser_pool.background import begin
from browser_pool.config import PoolConfig
from browser_pool.confinement import Confinement, find_confinement
from browser_pool.executable import find_executable
from browser_pool.node_lock import node_lock
from browser_pool.port_guard import PortsSeen, look_at_ports
from browser_pool.sandbox_proof import prove_sandbox
from browser_pool.user_agent import UserAgent, read_user_agent
from storage.errors import ConfigError

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """`listener` is open already; `walls_hold` is to be awaited before a page is opened."""

    listener: socket.socket
    executable: str
    confinement: Confinement
    user_agent: UserAgent
    walls_hold: asyncio.Task[None]
    """Proven beside the rest of the start. Raises ConfigError."""
    ports: asyncio.Task[PortsSeen]
    """Tried beside it as well. Raises ConfigError."""


async def take_machine(config: PoolConfig, stack: AsyncExitStack) -> Machine:
    """Everything is given back when the stack unwinds. Raises ConfigError."""
    executable = find_executable(config.chromium_path)
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    stack.enter_context(node_lock(config.data_dir))
    listener = _listen(config.pool_host, config.pool_port)
    stack.callback(listener.close)
    confinement = await find_confinement(
        config.data_dir, config.chromium_uid, sandbox=config.chromium_sandbox, users=config.chromium_uids
    )
    if not confinement.sandboxed:
        log.warning("SANDBOX_OFF", extra={"risk": "a page that breaks out of its renderer owns this node"})
    user_agent = await read_user_agent(executable)
    proof = _prove_walls(executable, confinement, user_agent.text, config.data_dir)
    return Machine(
        listener=listener,
        executable=executable,
        confinement=confinement,
        user_agent=user_agent,
        walls_hold=begin(stack, proof, "sandbox-proof"),
        ports=begin(stack, look_at_ports(confinement.users, config.debug_port_guard), "debug-port-proof"),
    )


async def _prove_walls(executable: str, confinement: Confinement, user_agent: str, data_dir: Path) -> None:
    if confinement.sandboxed:
        await prove_sandbox(executable, confinement, user_agent, data_dir)


def _listen(host: str, port: int) -> socket.socket:
    """Taken before anything is started, so that a wrong port costs no browser. Raises ConfigError."""
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise ConfigError([f"POOL_PORT={port} on {host} cannot be listened on: {error.strerror}"]) from error
