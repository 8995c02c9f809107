"""What mirroring costs, in bytes and requests to a real S3 server, and how a lost machine comes back."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.bench import Bench
from bench.results import Side
from storage.clock import SystemClock
from storage.key_wrap import key_wrap_from
from storage.object_s3 import S3Store
from storage.snapshot_record import About
from storage.vault import SessionVault, Vault
from tests import seaweed
from tests.s3_server import SHARED_BUCKET, S3Server

TABLES = 14
TABLE_BYTES = 2 * 1024 * 1024
LOG_BYTES = 1_500_000
SMALL_WRITE_BYTES = 4096
LOST = 20
BACK_WITHIN = 120.0


def run_traffic(bench: Bench) -> None:
    """Rows s3_bytes, s3_requests and s3_idle: a profile of 30 MB as LevelDB lays it out, kept in SeaweedFS.

    For each sample 4 kB are appended to its log, as one small write does, and it is saved; then saved once
    more with nothing changed. Bytes are those of the bodies sent.
    """
    with bench.step("snapshots to S3"), seaweed.running() as server:
        with _credentials(server):
            store = S3Store(SHARED_BUCKET, "bench", endpoint_url=server.url)
        vault = Vault.open(store, key_wrap_from(_key()), SystemClock()).session("01JD3Z0V5M8Q4T2X9Y7W6R1K0B")
        profile = bench.place()
        log = _make_profile(profile)
        _save(vault, profile)
        for _ in range(bench.plan.singles):
            with log.open("ab") as file:
                file.write(secrets.token_bytes(SMALL_WRITE_BYTES))
            requests, sent = store.traffic.requests, store.traffic.bytes_sent
            assert _save(vault, profile)
            bench.results.add(Side.OURS, "s3_bytes", 1, store.traffic.bytes_sent - sent)
            bench.results.add(Side.OURS, "s3_requests", 1, store.traffic.requests - requests)
            requests = store.traffic.requests
            assert not _save(vault, profile)
            bench.results.add(Side.OURS, "s3_idle", 1, store.traffic.requests - requests)


def run_lost_machine(bench: Bench) -> None:
    """Row lost_machine: 20 linked sessions; pool and browsers are killed and the data directory is deleted.

    Then the pool is started anew. One sample for each session: from the spawn until its page answers.
    """
    outside = bench.place()
    outside.mkdir(parents=True)
    environ = {
        "DATABASE_URL": f"sqlite:///{outside}/registry.db",
        "SNAPSHOT_URL": f"file://{outside}/store",
        "SNAPSHOT_KEY": _key(),
        "SNAPSHOT_QUIET_SECONDS": "1",
        "MAX_SLOTS": str(LOST),
    }
    with bench.step(f"machine with {LOST} sessions lost"), bench.ours(**environ) as system:
        ids = [system.create()["id"] for _ in range(LOST)]
        shown = system.reach(ids, lambda session: session["qr"] is not None, BACK_WITHIN)
        for (_, session), number in zip(shown.values(), bench.numbers(LOST), strict=True):
            bench.standin.scan(session["qr"]["text"], number)
        system.reach(ids, lambda session: session["snapshot"] is not None, BACK_WITHIN)
        time.sleep(bench.sync_seconds)
        for session_id in ids:
            system.call("POST", f"/api/sessions/{session_id}/snapshot").raise_for_status()
        refs = bench.standin.stats()["refs_issued"]
        system.kill_pool_and_browsers()
        shutil.rmtree(system.data_dir)
        began = system.start("pool")
        for at in system.usable(ids, within=BACK_WITHIN).values():
            bench.results.add(Side.OURS, "lost_machine", LOST, at - began)
        if bench.standin.stats()["refs_issued"] != refs:
            bench.results.fail("lost_machine", "a QR was asked for")


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@contextmanager
def _credentials(server: S3Server) -> Iterator[None]:
    """boto3 reads the usual variables; only while the client is made."""
    before = dict(os.environ)
    os.environ.update(server.environment)
    if not os.environ["AWS_PROFILE"]:
        del os.environ["AWS_PROFILE"]  # boto3 takes an empty one for a name
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _make_profile(root: Path) -> Path:
    store = root / "chromium" / "Default" / "IndexedDB" / "https_web.whatsapp.com_0.indexeddb.leveldb"
    store.mkdir(parents=True)
    for number in range(TABLES):
        (store / f"{number:06}.ldb").write_bytes(secrets.token_bytes(TABLE_BYTES))
    log = store / "000099.log"
    log.write_bytes(secrets.token_bytes(LOG_BYTES))
    return log


def _save(vault: SessionVault, profile: Path) -> bool:
    about = About(
        session_id="01JD3Z0V5M8Q4T2X9Y7W6R1K0B",
        workspace_id="bench",
        generation=1,
        node_id="bench",
        phone_number=None,
        chromium="0",
        web_version=None,
        captured_at=datetime.now(UTC),
        record={},
    )
    return vault.save(profile, about) is not None
