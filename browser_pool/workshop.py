"""What all sessions of a node share, made once by `service.py` and handed to each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlite_utils import Database

from browser_pool.driver import Driver
from browser_pool.golden_keeper import GoldenKeeper
from browser_pool.journal import Journal
from browser_pool.lease import Lease
from browser_pool.metrics import PoolMetrics
from browser_pool.outbox import Outbox
from browser_pool.ref_clock import RefLives
from browser_pool.restorer import Restorer
from browser_pool.slot_settings import SlotSettings
from browser_pool.snapshot_store import SnapshotStore
from browser_pool.snapshotter import Snapshotter
from browser_pool.start_queue import StartQueue
from browser_pool.web_versions import WebVersions
from storage.clock import Clock


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Tools and limits; see PoolConfig for the limits' reasons."""

    db: Database
    data_dir: Path
    clock: Clock
    metrics: PoolMetrics
    outbox: Outbox
    journal: Journal
    driver: Driver
    starts: StartQueue
    lives: RefLives
    golden: GoldenKeeper
    web_versions: WebVersions
    slots: SlotSettings
    snapshots: SnapshotStore | None
    """None without SNAPSHOT_KEY: then logins are on this disk only."""
    snapshotter: Snapshotter | None
    """None when nothing is to be saved (AUTH_STRATEGY=local)."""
    restorer: Restorer | None
    lease: Lease = field(default_factory=Lease)
    """Free, unless it is told otherwise."""
    qr_timeout: timedelta
    load_timeout: timedelta
    first_qr_timeout: timedelta
    link_timeout: timedelta
