"""The parts of a node that save logins and bring them back, as its settings allow.

Rule: without SNAPSHOT_KEY there are none; with AUTH_STRATEGY=local a login comes back, and none is saved.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from browser_pool.background import run_beside
from browser_pool.config import PoolConfig
from browser_pool.golden_keeper import GoldenKeeper
from browser_pool.lease import Lease
from browser_pool.metrics import PoolMetrics
from browser_pool.restorer import Restorer
from browser_pool.snapshot_store import SnapshotStore
from browser_pool.snapshotter import Snapshotter
from storage.clock import Clock
from storage.errors import ConfigError
from storage.object_url import open_store
from storage.objects import StoreError
from storage.snapshot_keys import SnapshotKeys

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SnapshotParts:
    """None is what this node does without."""

    store: SnapshotStore | None = None
    restorer: Restorer | None = None
    snapshotter: Snapshotter | None = None

    def state(self) -> dict[str, Any] | None:
        """For /health."""
        if self.snapshotter is not None:
            return self.snapshotter.state()
        return None if self.store is None else self.store.state()


def open_snapshots(
    config: PoolConfig,
    clock: Clock,
    metrics: PoolMetrics,
    lease: Lease,
    golden: GoldenKeeper,
    chromium: str,
    stack: AsyncExitStack,
) -> SnapshotParts:
    """Opened in the background: who has a profile on this disk does not wait for it. Raises ConfigError."""
    if config.snapshot_key is None:
        log.warning("SNAPSHOTS_OFF", extra={"risk": "a lost disk loses its logins; set SNAPSHOT_KEY"})
        return SnapshotParts()
    keys = SnapshotKeys.from_settings(config.snapshot_key, config.snapshot_key_old)
    try:
        objects = open_store(config.snapshot_url, endpoint_url=config.s3_endpoint_url)
    except StoreError as error:
        raise ConfigError([f"SNAPSHOT_URL={config.snapshot_url}: {error}"]) from error
    store = SnapshotStore(objects, keys, clock)
    stack.callback(store.close)
    run_beside(stack, store.open(), "snapshot-store")
    restorer = Restorer(store, golden, config.data_dir)
    if not config.mirrored:
        return SnapshotParts(store=store, restorer=restorer)
    snapshotter = Snapshotter(
        store,
        clock,
        metrics,
        lease,
        data_dir=config.data_dir,
        node_id=config.node_id,
        chromium=chromium,
        times=config.snapshot_times,
    )
    stack.push_async_callback(snapshotter.close)
    return SnapshotParts(store=store, restorer=restorer, snapshotter=snapshotter)
