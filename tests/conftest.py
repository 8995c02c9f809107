"""Servers that are started once for a whole run of pytest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import pgbouncer
from tests import postgres as postgresql
from tests import seaweed as seaweedfs
from tests.fakes.databases import SERVERS
from tests.pgbouncer import PgBouncer
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a test that may take minutes begin first, so that no worker is left alone with one."""
    long = {item.path for item in items if item.get_closest_marker("timeout")}
    items.sort(key=lambda item: item.path not in long)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--registry",
        choices=["sqlite", "postgres", "pgbouncer"],
        default="sqlite",
        help="what the functions run on; pgbouncer stands before every PostgreSQL of the run",
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgresql.running() as server:
        yield server


@pytest.fixture(scope="session")
def way_to_postgres(
    request: pytest.FixtureRequest, postgres: PostgresServer
) -> Iterator[PostgresServer | PgBouncer]:
    """What makes databases for tests: the server, or what the run has before it."""
    if request.config.getoption("--registry") != "pgbouncer":
        yield postgres
        return
    if not pgbouncer.installed():
        pytest.exit(pgbouncer.NO_PGBOUNCER, returncode=pytest.ExitCode.USAGE_ERROR)
    with pgbouncer.running(postgres) as bouncer:
        yield bouncer


@pytest.fixture(scope="session", autouse=True)
def _functions_on_postgres(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--registry") != "sqlite":
        SERVERS.append(request.getfixturevalue("way_to_postgres"))
    yield
    SERVERS.clear()


@pytest.fixture
def postgres_url(way_to_postgres: PostgresServer | PgBouncer) -> Iterator[str]:
    """A new database on it."""
    url = way_to_postgres.make()
    yield url
    way_to_postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgres"])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of database, for tests of what the registry promises on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
