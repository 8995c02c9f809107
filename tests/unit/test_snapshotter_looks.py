"""The snapshotter's looks at the logins of a node."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

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


async def test_a_profile_that_goes_while_it_is_looked_at_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    store: Any = None
    looker = Snapshotter(
        store,
        ManualClock(),
        PoolMetrics(),
        data_dir=tmp_path,
        node_id="n",
        chromium="1",
        times=TIMES,
    )
    looker.sessions = lambda: [session("gone", Vanishing()), session("here", Profile(tmp_path, "here"))]
    await looker._look_at_all()
    assert looker._accounts["here"].dirty_since is not None
