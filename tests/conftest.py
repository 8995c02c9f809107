"""Servers that are started once for a whole run of pytest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres as postgresql
from tests import seaweed as seaweedfs
from tests.fakes.databases import SERVERS
from tests.postgres import PostgresServer
from tests.s3_server import SHARED_BUCKET, S3Server

pytest.register_assert_rewrite("tests.acceptance.suite")


@pytest.fixture(scope="session")
def seaweed() -> Iterator[S3Server]:
    with seaweedfs.running() as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    """moto behind real HTTP. It lets everybody in."""
    from moto.server import ThreadedMotoServer  # takes a second, which most runs need not spend

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    moto = S3Server(url=f"http://{host}:{port}", access_key="moto-key", secret_key="moto-secret")
    moto.make(SHARED_BUCKET)
    yield moto
    server.stop()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--registry", choices=["sqlite", "postgres"], default="sqlite", help="what the functions run on"
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgresql.running() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _functions_on_postgres(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--registry") == "postgres":
        SERVERS.append(request.getfixturevalue("postgres"))
    yield
    SERVERS.clear()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A new database on it."""
    url = postgres.make()
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgres"])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of database, for tests of what the registry promises on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
