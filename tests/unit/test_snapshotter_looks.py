"""The snapshotter's looks at the logins of a node."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from browser_pool.errors import CaptureFailed
from browser_pool.lease import Lease
from browser_pool.metrics import PoolMetrics
from browser_pool.profile import Profile
from browser_pool.snapshot_account import SnapshotTimes
from browser_pool.snapshotter import Snapshotter
from storage.clock import ManualClock

TIMES = SnapshotTimes(quiet=timedelta(seconds=10), every=timedelta(seconds=60), keep=3)


class Vanishing:
    """A profile that is erased while somebody lists it."""

    def saved_signature(self) -> None:
        return None

    @property
    def root(self) -> NoReturn:
        raise FileNotFoundError


def session(name: str, profile: Any) -> Any:
    return SimpleNamespace(spec=SimpleNamespace(id=name), profile=profile, may_be_saved=True)


def snapshotter(directory: Path, clock: ManualClock) -> Snapshotter:
    store: Any = None
    return Snapshotter(
        store, clock, PoolMetrics(), Lease(), data_dir=directory, node_id="n", chromium="1", times=TIMES
    )


async def test_a_profile_that_goes_while_it_is_looked_at_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    looker = snapshotter(tmp_path, ManualClock())
    looker.sessions = lambda: [session("gone", Vanishing()), session("here", Profile(tmp_path, "here"))]
    await looker._look_at_all()
    assert looker._accounts["here"].dirty_since is not None


async def test_a_disk_on_which_nothing_can_be_made_is_a_failed_save_and_is_tried_again_later(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    looker = snapshotter(tmp_path, clock)
    (tmp_path / "snapshot-staging").write_text("where captures are made, nothing can be made")
    profile = Profile(tmp_path, "here")
    profile.root.mkdir(parents=True)
    here = Here(spec=SimpleNamespace(id="here", workspace_id="w", generation=1, record={}), profile=profile)
    with pytest.raises(CaptureFailed):
        await looker.save(here.as_saved())
    assert looker._accounts["here"].failures == 1, "LinkpoolSnapshotsFail is told of it"
    assert looker._accounts["here"].not_before > clock.monotonic()


class Here(SimpleNamespace):
    """A linked session whose browser has nothing to settle."""

    phone_number = web_version = group = None

    async def settle_storage(self) -> None:
        return None

    def as_saved(self) -> Any:
        return self
