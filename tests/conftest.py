"""Servers that are started once for a whole run of pytest."""

from collections.abc import Iterator

import pytest

from tests import seaweed as seaweedfs
from tests.s3_server import SHARED_BUCKET, S3Server


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
