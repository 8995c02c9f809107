"""Mutual TLS between functions and nodes, as docs/private-network.md has it: both directions, both sides."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from aiohttp import ClientSession

from browser_pool.config import PoolConfig
from browser_pool.outbox import Outbox
from browser_pool.pool_db import open_pool_db
from browser_pool.relay import Relay
from functions.config import FunctionsConfig
from functions.pool_client import PoolClient
from storage.clock import SystemClock
from storage.errors import ConfigError, PoolUnreachable
from storage.events import EventType
from storage.private_tls import PrivateTls
from tests.certificates import Authority
from tests.fakes.functions import POOL_SECRET, environment
from tests.fakes.pool import FakePool
from tests.fakes.processes import Process, free_port
from tests.waiting import eventually


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def ours(directory: Path) -> Authority:
    return Authority(directory, "ours")


@pytest.fixture(scope="module")
def strangers(directory: Path) -> Authority:
    return Authority(directory, "strangers")


def tls_of(environ: dict[str, str]) -> PrivateTls:
    problems: list[str] = []
    tls = PrivateTls.from_env(environ, problems)
    assert tls is not None, problems
    return tls


@pytest.fixture
def node(ours: Authority) -> Iterator[FakePool]:
    with FakePool(POOL_SECRET, tls=tls_of(ours.environment("node")).server_context()) as pool:
        yield pool


def test_functions_and_node_show_each_other_their_certificates(node: FakePool, ours: Authority) -> None:
    client = PoolClient(POOL_SECRET, tls=tls_of(ours.environment("functions")))
    assert client.erase(node.url, "x", 1, log_out=False) == []
    client.close()


def test_a_node_of_another_authority_is_not_called(node: FakePool, strangers: Authority) -> None:
    client = PoolClient(POOL_SECRET, tls=tls_of(strangers.environment("functions")))
    with pytest.raises(PoolUnreachable):
        client.erase(node.url, "x", 1, log_out=False)
    client.close()
    assert node.calls == []


def test_a_caller_without_a_certificate_gets_no_answer(node: FakePool, ours: Authority) -> None:
    with pytest.raises(requests.RequestException):
        requests.get(node.url, verify=str(ours.ca), timeout=5)


@pytest.fixture(scope="module")
def private_functions(directory: Path, ours: Authority) -> Iterator[str]:
    """The second listener of the document: the same functions, for nodes only."""
    files, port = ours.environment("gateway"), free_port()
    arguments = [
        *("--bind", f"127.0.0.1:{port}", "--workers", "1"),
        *("--certfile", files["TLS_CERT"], "--keyfile", files["TLS_KEY"]),
        *("--ca-certs", files["TLS_CA"], "--cert-reqs", "2"),
    ]
    with Process(["gunicorn", "functions.app:create_app()", *arguments], directory, "private") as process:
        eventually(lambda: process.says("Listening at"))
        yield f"https://127.0.0.1:{port}"


def relayed(directory: Path, url: str, tls: ssl.SSLContext | None) -> bool:
    """Whether an event of a node arrives."""

    async def relay() -> bool:
        db = open_pool_db(directory / "pool.db")
        try:
            outbox = Outbox(db, SystemClock())
            outbox.append("01JD0000000000000000000000", 1, EventType.SESSION_STARTING, {"phase": "loading"})
            async with ClientSession() as http:
                one = Relay(
                    http, outbox, SystemClock(), tls=tls, functions_url=url, node_id="n", secret=POOL_SECRET
                )
                return await one.flush_once()
        finally:
            db.close()

    return asyncio.run(relay())


def test_events_travel_with_certificates_only(
    tmp_path: Path, private_functions: str, ours: Authority, strangers: Authority
) -> None:
    assert relayed(tmp_path, private_functions, tls_of(ours.environment("node")).client_context())
    for tls in (tls_of(strangers.environment("node")).client_context(), None):
        assert not relayed(tmp_path, private_functions, tls)


def test_a_client_that_never_shakes_hands_does_not_stop_the_others(
    tmp_path: Path, private_functions: str, ours: Authority
) -> None:
    port = int(private_functions.rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    assert relayed(tmp_path, private_functions, tls_of(ours.environment("node")).client_context())
    for one in silent:
        one.close()


@pytest.mark.parametrize("process", [FunctionsConfig, PoolConfig], ids=["functions", "pool"])
def test_half_of_the_settings_or_a_file_that_is_none_is_said_at_start(
    process: type[FunctionsConfig | PoolConfig], tmp_path: Path, ours: Authority
) -> None:
    good, base = ours.environment("one"), environment(tmp_path)
    assert process.from_env({**base, **good}).tls is not None
    for wrong, said in (
        ({"TLS_CERT": good["TLS_CERT"]}, "TLS_KEY and TLS_CA missing"),
        ({**good, "TLS_KEY": "/nowhere"}, "No such file"),
        ({**good, "TLS_CERT": good["TLS_KEY"]}, "cannot be used"),
        ({**good, "TLS_KEY": ours.environment("two")["TLS_KEY"]}, "cannot be used"),
    ):
        with pytest.raises(ConfigError, match=said):
            process.from_env({**base, **wrong})


def test_a_node_with_certificates_names_its_https_address(tmp_path: Path, ours: Authority) -> None:
    config = PoolConfig.from_env({**environment(tmp_path), **ours.environment("three")})
    assert config.pool_url == "https://127.0.0.1:8100"
    plain = {**environment(tmp_path), **ours.environment("three"), "POOL_URL": "http://10.0.0.7:8100"}
    with pytest.raises(ConfigError, match="POOL_URL"):
        PoolConfig.from_env(plain)
