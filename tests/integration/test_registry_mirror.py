"""The registry's mirror: real litestream, real processes, a directory as the store."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.env_files import write_private
from deploy.keeper import Keeper
from deploy.registry_mirror import MirrorFailed, RegistryMirror, environ_for_litestream
from deploy.settings import Settings
from storage.clock import SystemClock
from storage.database import open_database, sqlite_url
from storage.errors import ConfigError
from storage.workspaces import Workspaces
from tests.integration.deploy_processes import SECRETS, Tool, environ_in, eventually, processes_of
from tests.integration.test_cli import run as run_cli
from tests.s3_server import SHARED_BUCKET, S3Server

LITESTREAM = str(Path(sys.executable).with_name("litestream"))


def mirror_of(data_dir: Path, url: str, **environ: str) -> RegistryMirror:
    made = RegistryMirror.from_settings(
        Settings.from_env(environ_in(data_dir, REGISTRY_MIRROR=url, **environ))
    )
    assert made is not None
    return made


def mirrored(url: Path, copy: Path) -> list[str]:
    """Names of the workspaces in the mirror, as litestream gives them back."""
    copy.unlink(missing_ok=True)
    subprocess.run(
        [LITESTREAM, "restore", "-o", str(copy), f"file://{url}"],
        env={},
        capture_output=True,
        check=False,
    )
    if not copy.exists():
        return []
    registry = sqlite3.connect(copy)
    try:
        return [name for (name,) in registry.execute("SELECT name FROM workspaces ORDER BY name")]
    except sqlite3.OperationalError:  # so early that the tables are not there yet
        return []
    finally:
        registry.close()


def test_a_lost_registry_comes_back_by_itself_after_everything_was_killed(tmp_path: Path) -> None:
    data_dir, mirror = tmp_path / "data", tmp_path / "mirror"
    environ = environ_in(data_dir, **SECRETS, REGISTRY_MIRROR=f"file://{mirror}", WARM_SLOTS="0")
    with Tool("deploy.up", environ) as up:
        up.prints("linkpool is up")
        assert run_cli(data_dir, "workspaces", "create", "Toko Bunga").returncode == 0
        eventually(lambda: mirrored(mirror, tmp_path / "copy.db"), "the mirror has it")
        for pid in [up.process.pid, *processes_of(data_dir)]:
            os.kill(pid, signal.SIGKILL)
        up.ends()
    eventually(lambda: not processes_of(data_dir), "everything is dead")
    for path in data_dir.glob("*registry.db*"):
        path.rename(tmp_path / f"lost-{path.name.strip('.')}")
    with Tool("deploy.up", environ) as up:
        up.prints("linkpool is up")
        assert '"registry_brought_back"' in up.output
        assert "Toko Bunga" in run_cli(data_dir, "workspaces", "list").stdout
        assert run_cli(data_dir, "workspaces", "create", "Warung").returncode == 0
        assert up.stop() == 0
    assert mirrored(mirror, tmp_path / "copy.db") == ["Toko Bunga", "Warung"]
    assert processes_of(data_dir) == {}
    for path in data_dir.glob("registry*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


async def test_writers_and_mirror_live_together_and_the_last_commit_is_carried(tmp_path: Path) -> None:
    mirror = mirror_of(tmp_path / "data", f"file://{tmp_path / 'mirror'}")
    assert await mirror.bring_back() is False
    keeper = Keeper(mirror.program(), mirror.environ, SystemClock(), None)
    running = asyncio.create_task(keeper.run())
    names = [f"W{number:03}" for number in range(400)]

    def write(some: list[str]) -> None:
        database = open_database(sqlite_url(str(tmp_path / "data")))
        database.migrate()
        for name in some:
            Workspaces(database, SystemClock()).create(name)
        database.close()

    with ThreadPoolExecutor(4) as writers:
        await asyncio.gather(
            *(asyncio.get_running_loop().run_in_executor(writers, write, names[n::4]) for n in range(4))
        )
    await asyncio.to_thread(
        eventually, lambda: mirrored(tmp_path / "mirror", tmp_path / "copy.db"), "it carries"
    )
    write(["the last"])
    keeper.stop()
    await running
    assert mirrored(tmp_path / "mirror", tmp_path / "copy.db") == [*names, "the last"]


async def test_a_bucket_carries_the_registry_too(tmp_path: Path, seaweed: S3Server) -> None:
    url = f"s3://{SHARED_BUCKET}/mirror-{tmp_path.name}"
    environ = {name: value for name, value in seaweed.environment.items() if value}
    mirror = mirror_of(tmp_path / "data", url, S3_ENDPOINT_URL=seaweed.url, **environ)
    assert await mirror.bring_back() is False, "the bucket says that it has none"
    assert run_cli(tmp_path / "data", "workspaces", "create", "Toko Bunga").returncode == 0
    keeper = Keeper(mirror.program(), mirror.environ, SystemClock(), None)
    running = asyncio.create_task(keeper.run())
    client = seaweed.client()
    await asyncio.to_thread(
        eventually,
        lambda: client.list_objects_v2(Bucket=SHARED_BUCKET, Prefix=url.rpartition("/")[2])["KeyCount"],
        "something lies in the bucket",
    )
    client.close()
    assert run_cli(tmp_path / "data", "workspaces", "create", "Warung").returncode == 0
    keeper.stop()
    await running
    (tmp_path / "data").rename(tmp_path / "lost")
    assert await mirror.bring_back() is True
    listed = run_cli(tmp_path / "data", "workspaces", "list").stdout
    assert "Toko Bunga" in listed
    assert "Warung" in listed
    assert seaweed.secret_key not in mirror.config_path.read_text()


@pytest.fixture
def refusing() -> Iterator[str]:
    """An S3 that refuses everything."""

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_PUT = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_mirror_that_refuses_is_not_taken_for_an_empty_one(tmp_path: Path, refusing: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "very-secret"}
    mirror = mirror_of(tmp_path / "data", "s3://bucket/registry", S3_ENDPOINT_URL=refusing, **keys)
    with pytest.raises(MirrorFailed, match="REGISTRY_MIRROR=off"):
        await mirror.bring_back()
    assert not mirror.registry.exists()
    assert "very-secret" not in mirror.config_path.read_text()
    assert stat.S_IMODE(mirror.config_path.stat().st_mode) == 0o600


async def test_an_empty_registry_counts_as_none_and_another_lifes_log_is_set_aside(tmp_path: Path) -> None:
    mirror = mirror_of(tmp_path / "data", f"file://{tmp_path / 'mirror'}")
    assert run_cli(tmp_path / "data", "workspaces", "create", "Toko Bunga").returncode == 0
    carrying = Keeper(mirror.program(), mirror.environ, SystemClock(), None)
    running = asyncio.create_task(carrying.run())
    await asyncio.to_thread(
        eventually, lambda: mirrored(tmp_path / "mirror", tmp_path / "copy.db"), "it carries"
    )
    carrying.stop()
    await running
    assert await mirror.bring_back() is False, "it is there"
    (tmp_path / "data").rename(tmp_path / "lost")
    assert run_cli(tmp_path / "data", "workspaces", "list").stdout == "none\n"
    assert await mirror.bring_back() is True
    assert "Toko Bunga" in run_cli(tmp_path / "data", "workspaces", "list").stdout
    for path in (tmp_path / "data").glob("registry.db*"):
        path.unlink()
    write_private(tmp_path / "data" / "registry.db-wal", "old")
    assert await mirror.bring_back() is True
    assert "Toko Bunga" in run_cli(tmp_path / "data", "workspaces", "list").stdout
    assert (tmp_path / "data" / "registry.db-wal.aside").read_text() == "old"


async def test_a_mount_that_is_gone_is_noticed(tmp_path: Path) -> None:
    mirror = mirror_of(tmp_path / "data", f"file://{tmp_path / 'mount' / 'linkpool' / 'registry'}")
    with pytest.raises(MirrorFailed, match="mount it"):
        await mirror.bring_back()


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"REGISTRY_MIRROR": "on"}, "needs SNAPSHOT_URL"),
        ({"REGISTRY_MIRROR": "yes"}, "must be off, on, s3://"),
        ({"REGISTRY_MIRROR": "s3://bucket"}, "must be off, on, s3://"),
        ({"REGISTRY_MIRROR": "file://relative/path"}, "must be off, on, s3://"),
        ({"REGISTRY_MIRROR": "s3://key:secret@bucket/x"}, "AWS_ACCESS_KEY_ID"),
        ({"REGISTRY_MIRROR": "file:///x", "DATABASE_URL": "postgresql://h/db"}, "SQLite only"),
    ],
)
def test_a_mirror_that_cannot_be_is_refused_at_the_start(
    tmp_path: Path, environ: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        RegistryMirror.from_settings(Settings.from_env(environ_in(tmp_path, **environ)))


def test_off_is_the_default_and_on_lies_below_the_snapshots(tmp_path: Path) -> None:
    assert RegistryMirror.from_settings(Settings.from_env(environ_in(tmp_path))) is None
    s3 = mirror_of(tmp_path, "on", SNAPSHOT_URL="s3://bucket/some/prefix", AWS_REGION="eu-north-1")
    assert dict(s3.target) == {
        "type": "s3",
        "bucket": "bucket",
        "path": "some/prefix/registry",
        "region": "eu-north-1",
    }
    directory = mirror_of(tmp_path, "on", SNAPSHOT_URL=f"file://{tmp_path}/snapshots")
    assert dict(directory.target) == {"type": "file", "path": f"{tmp_path}/snapshots/registry"}


def test_litestream_learns_the_keys_of_the_store_and_no_secret_of_ours() -> None:
    environ = {**SECRETS, "PATH": "/bin", "AWS_ACCESS_KEY_ID": "a", "AWS_CA_BUNDLE": "/etc/ca.pem"}
    assert environ_for_litestream(environ) == {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "a",
        "SSL_CERT_FILE": "/etc/ca.pem",
    }
