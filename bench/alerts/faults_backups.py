"""Faults of logins' backups: a full disk, a bucket that rots, a bucket that is gone."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

from bench.alerts.world import WITHIN, Fault, Stage, World
from tests.waiting import eventually


def _disk_takes_nothing(world: World, stack: ExitStack) -> None:
    staging = world.system.data_dir / "snapshot-staging"
    staging.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(staging)], check=True)
    stack.callback(subprocess.run, ["umount", "-l", str(staging)], check=True)
    stack.callback(world.delete, world.link())


def _link_and_save(world: World) -> str:
    session_id = world.link()
    world.system.until(session_id, lambda one: one["snapshot"] is not None, WITHIN)
    return session_id


def _rot(world: World) -> None:
    for pack in (world.system.data_dir / "snapshots").glob("v1/*/p/*"):
        pack.write_bytes(bytes(pack.stat().st_size))


def _bucket_rots(world: World, stack: ExitStack) -> None:
    stack.callback(world.delete, _link_and_save(world))
    _rot(world)


def _disk_is_lost_and_bucket_rots(world: World, stack: ExitStack) -> None:
    session_id = _link_and_save(world)
    stack.callback(world.delete, session_id)
    world.system.kill("pool")
    for browser in world.system.browsers():
        with suppress(ProcessLookupError):
            os.killpg(browser, signal.SIGKILL)
    eventually(lambda: not world.system.browsers(), "the browsers are gone", WITHIN)
    _rot(world)
    for profile in _profiles(world.system.data_dir, session_id):
        shutil.rmtree(profile)
    world.system.start("pool")


def _profiles(data_dir: Path, session_id: str) -> list[Path]:
    found = [one for one in data_dir.glob(f"*/{session_id}") if one.is_dir()]
    assert found, f"no profile of {session_id} below {sorted(data_dir.iterdir())}"
    return [one for one in found if "snapshots" not in one.parts]


def _bucket_is_gone(world: World, stack: ExitStack) -> None:
    stack.callback(world.delete, _link_and_save(world))
    store, lost = world.system.data_dir / "snapshots", world.system.directory / "lost"
    store.rename(lost)
    stack.callback(_put_back, lost, store)


def _put_back(lost: Path, store: Path) -> None:
    shutil.rmtree(store, ignore_errors=True)
    lost.rename(store)


BACKUPS = Stage(
    name="backups",
    settings={
        "SNAPSHOT_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SNAPSHOT_QUIET_SECONDS": "0.5",
        "DRILL_EVERY_SECONDS": "1",
    },
    faults=(
        Fault(
            alerts=("LinkpoolSnapshotsFail", "LinkpoolSnapshotOld", "LinkpoolNoSnapshot"),
            what="the disk on which snapshots are prepared was mounted read-only, and a session linked",
            cause=_disk_takes_nothing,
            within=480,
        ),
        Fault(
            alerts=("LinkpoolDrillFailed",),
            what="zeroes were written over all packs of the store",
            cause=_bucket_rots,
            within=240,
        ),
        Fault(
            alerts=("LinkpoolRestoreFailed",),
            what="kill -9 to pool and browsers, the profile erased, and zeroes written over all packs",
            cause=_disk_is_lost_and_bucket_rots,
            within=240,
        ),
        Fault(
            alerts=("LinkpoolStoreAway", "LinkpoolDrillOverdue"),
            what="the store's directory was moved away",
            cause=_bucket_is_gone,
            within=240,
        ),
    ),
)
