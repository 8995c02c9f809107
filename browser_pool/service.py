"""The composition root of a node: makes every part, starts them in order, stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import ClientSession, web

from browser_pool.call_guard import CallGuard
from browser_pool.canary import Canary
from browser_pool.chromium import find_executable
from browser_pool.config import OnStop, PoolConfig
from browser_pool.confinement import Confinement, find_confinement
from browser_pool.control import ControlApi
from browser_pool.departures import Departures
from browser_pool.driver import Driver
from browser_pool.golden_builder import GoldenBuilder
from browser_pool.golden_keeper import GoldenKeeper
from browser_pool.golden_profile import GoldenProfile
from browser_pool.hibernator import Hibernator
from browser_pool.holdings import Holdings
from browser_pool.journal import Journal
from browser_pool.lease import Lease
from browser_pool.lookup_file import LookupFile
from browser_pool.loop_watch import watch_loop
from browser_pool.memory_watch import MemoryWatch
from browser_pool.metrics import PoolMetrics
from browser_pool.node_agent import NodeAgent
from browser_pool.node_lock import node_lock
from browser_pool.outbox import Outbox
from browser_pool.pool import Pool
from browser_pool.pool_db import open_pool_db
from browser_pool.reconciler import Reconciler
from browser_pool.ref_clock import RefLives
from browser_pool.relay import Relay
from browser_pool.restorer import Restorer
from browser_pool.sandbox_proof import prove_sandbox
from browser_pool.slot import SlotSettings
from browser_pool.snapshot_store import SnapshotStore
from browser_pool.snapshotter import Snapshotter
from browser_pool.start_queue import StartQueue
from browser_pool.user_agent import read_user_agent
from browser_pool.version_mirror import pinned_document
from browser_pool.version_store import VersionStore
from browser_pool.vitals import Vitals
from browser_pool.warm_keeper import WarmKeeper
from browser_pool.web_versions import WebVersions
from browser_pool.workshop import Workshop
from storage.clock import Clock, SystemClock
from storage.errors import ConfigError
from storage.key_wrap import key_wrap_from
from storage.object_url import open_store
from storage.objects import StoreError

log = logging.getLogger(__name__)

FLUSH_DEADLINE_SECONDS = 5.0
"""At stop, for events that the functions have not taken yet; what is left stays in the outbox."""


DRAIN_DEADLINE_SECONDS = 90.0
"""At stop with ON_STOP=drain, for sessions that others take over; Kubernetes' own 30 s are to be raised.
What is left is closed as with ON_STOP=close, and is taken over when the lease has run out."""
DRAIN_LOOK_SECONDS = 0.2


async def serve(config: PoolConfig, driver: Driver) -> None:
    """Run the node until SIGTERM or SIGINT. Raises ConfigError when this machine cannot."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        await _compose(config, driver, stack)
        log.info("node_ready", extra={"node_id": config.node_id, "port": config.pool_port})
        await stop.wait()
        log.info("node_stopping", extra={"node_id": config.node_id, "on_stop": config.on_stop.value})
    log.info("node_stopped", extra={"node_id": config.node_id})


async def _compose(config: PoolConfig, driver: Driver, stack: AsyncExitStack) -> None:
    clock, metrics = SystemClock(), PoolMetrics()
    started_at = clock.monotonic()
    lookups = LookupFile(config.whatsapp_lookups)
    executable = find_executable(config.chromium_path)
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    stack.enter_context(node_lock(config.data_dir))
    listener = _listen(config.pool_host, config.pool_port)
    stack.callback(listener.close)
    confinement = await find_confinement(
        config.data_dir, config.chromium_uid, sandbox=config.chromium_sandbox
    )
    if not confinement.sandboxed:
        log.warning("SANDBOX_OFF", extra={"risk": "a page that breaks out of its renderer owns this node"})
    user_agent = await read_user_agent(executable)
    proof = asyncio.create_task(
        _prove_walls(executable, confinement, user_agent.text, config.data_dir), name="sandbox-proof"
    )
    stack.push_async_callback(_end, proof)
    db = open_pool_db(config.data_dir / "pool.db")
    stack.callback(db.close)
    outbox, journal = Outbox(db, clock), Journal(db, clock)
    http = await stack.enter_async_context(ClientSession())
    await driver.wait_started()
    starts = StartQueue(config.start_concurrency, config.max_slots, clock)
    golden = GoldenKeeper(
        GoldenProfile(config.data_dir),
        clock,
        enabled=config.golden_profile,
        chromium=user_agent.version,
        owner_uid=confinement.uid,
    )
    await golden.open()
    versions = VersionStore(config.data_dir)
    snapshots = await _snapshot_store(config, clock, stack)
    snapshotter = restorer = None
    if snapshots is not None:
        restorer = Restorer(snapshots, golden, config.data_dir)
    if snapshots is not None and config.mirrored:
        snapshotter = Snapshotter(
            snapshots,
            clock,
            metrics,
            data_dir=config.data_dir,
            node_id=config.node_id,
            chromium=user_agent.version,
            times=config.snapshot_times,
        )
        stack.push_async_callback(snapshotter.close)
    lease = Lease.open(config.data_dir)
    keep = config.on_stop is OnStop.KEEP
    stack.callback(lease.close, keep_browsers=keep)
    shop = Workshop(
        db=db,
        lease=lease,
        data_dir=config.data_dir,
        clock=clock,
        metrics=metrics,
        outbox=outbox,
        journal=journal,
        driver=driver,
        starts=starts,
        lives=RefLives(),
        golden=golden,
        web_versions=WebVersions(versions, clock),
        slots=SlotSettings(
            executable=executable,
            confinement=confinement,
            user_agent=user_agent,
            url=config.whatsapp_web_url,
            more_hosts=config.page_hosts,
            launch_timeout=config.launch_timeout,
            http=http,
            lookups=lookups,
        ),
        snapshots=snapshots,
        snapshotter=snapshotter,
        restorer=restorer,
        qr_timeout=config.qr_timeout,
        load_timeout=config.load_timeout,
        first_qr_timeout=config.first_qr_timeout,
        link_timeout=config.link_timeout,
    )
    if config.web_version is not None:
        shop.web_versions.pinned = await pinned_document(
            http, versions, config.web_version, config.web_version_url, clock.now()
        )
    tls = None if config.tls is None else config.tls.client_context()
    relay = Relay(
        http,
        outbox,
        clock,
        tls=tls,
        functions_url=config.functions_url,
        node_id=config.node_id,
        secret=config.pool_secret,
    )
    stack.push_async_callback(_flush, relay, outbox)
    stack.push_async_callback(_cancel, asyncio.create_task(relay.run(), name="relay"))
    warm = WarmKeeper(shop, config.warm_slots, config.warm_park_after)
    pool = Pool(shop, warm, Holdings(shop))
    departures = Departures(shop, pool)
    await proof
    if lease.valid:
        await pool.resume()
    else:  # others may have what is here: the first heartbeat says
        stack.push_async_callback(_cancel, asyncio.create_task(_resume(pool, lease), name="resume"))
    stack.push_async_callback(pool.stop, keep_browsers=keep)
    if snapshotter is not None:
        snapshotter.sessions = pool.holdings.savable
        stack.push_async_callback(_cancel, asyncio.create_task(snapshotter.run(), name="snapshotter"))
    hibernator = Hibernator(pool, starts, clock, config.hibernate_after)
    memory = MemoryWatch(pool, starts, config.memory, metrics, clock)
    canary = Canary(shop, config.canary_every)
    stack.push_async_callback(hibernator.close)
    for work, name in (
        (warm.run(), "warm-keeper"),
        (GoldenBuilder(shop, golden).run(), "golden-builder"),
        (hibernator.run(), "hibernator"),
        (memory.run(), "memory-watch"),
        (canary.run(), "canary"),
        (watch_loop(metrics.loop_was_late), "loop-watch"),
    ):
        stack.push_async_callback(_cancel, asyncio.create_task(work, name=name))
    reconciler = Reconciler(pool, departures)
    stack.push_async_callback(reconciler.close)
    agent = NodeAgent(
        http,
        pool,
        reconciler,
        lease,
        starts,
        clock,
        tls=tls,
        functions_url=config.functions_url,
        node_id=config.node_id,
        node_url=config.pool_url,
        region=config.region,
        secret=config.pool_secret,
        every=config.heartbeat_every,
    )
    stack.push_async_callback(agent.say_goodbye)
    stack.push_async_callback(_cancel, asyncio.create_task(agent.run(), name="heartbeat"))
    about = {
        "node_id": config.node_id,
        "sandbox": confinement.sandboxed,
        "chromium": user_agent.version,
    }
    vitals = Vitals(
        pool=pool,
        starts=starts,
        memory=memory,
        outbox=outbox,
        agent=agent,
        snapshotter=snapshotter,
        metrics=metrics,
        clock=clock,
        about=about,
        state=lambda: {
            "web_version": shop.web_versions.state(),
            "golden": golden.state(),
            "snapshots": snapshotter.state() if snapshotter else snapshots.state() if snapshots else None,
            "canary": canary.state(),
        },
        started_at=started_at,
    )
    metrics.readings = vitals.readings
    guard = CallGuard(
        db,
        clock,
        secrets=config.pool_secrets,
        node_url=config.pool_url,
        bearer=config.control_bearer,
        metrics_token=config.metrics_token,
    )
    api = ControlApi(pool, departures, memory, outbox, vitals, guard=guard)
    web_runner = web.AppRunner(api.application(), access_log=None, handle_signals=False)
    await web_runner.setup()
    stack.push_async_callback(web_runner.cleanup)
    serving = None if config.tls is None else config.tls.server_context()
    await web.SockSite(web_runner, listener, ssl_context=serving).start()
    if config.on_stop is OnStop.DRAIN:
        stack.push_async_callback(_drain, pool, lease)


async def _prove_walls(executable: str, confinement: Confinement, user_agent: str, data_dir: Path) -> None:
    """Beside the rest of the start: no browser of ours opens a page before it. Raises ConfigError."""
    if confinement.sandboxed:
        await prove_sandbox(executable, confinement, user_agent, data_dir)


def _listen(host: str, port: int) -> socket.socket:
    """Taken before anything is started, so that a wrong port costs no browser. Raises ConfigError."""
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise ConfigError([f"POOL_PORT={port} on {host} cannot be listened on: {error.strerror}"]) from error


async def _snapshot_store(config: PoolConfig, clock: Clock, stack: AsyncExitStack) -> SnapshotStore | None:
    """Opened in the background: who has a profile on this disk does not wait for it. Raises ConfigError."""
    if config.snapshot_key is None:
        log.warning("SNAPSHOTS_OFF", extra={"risk": "a lost disk loses its logins; set SNAPSHOT_KEY"})
        return None
    wrap = key_wrap_from(config.snapshot_key)
    try:
        objects = open_store(config.snapshot_url, endpoint_url=config.s3_endpoint_url)
    except StoreError as error:
        raise ConfigError([f"SNAPSHOT_URL={config.snapshot_url}: {error}"]) from error
    store = SnapshotStore(objects, wrap, clock)
    stack.callback(store.close)
    stack.push_async_callback(_cancel, asyncio.create_task(store.open(), name="snapshot-store"))
    return store


async def _resume(pool: Pool, lease: Lease) -> None:
    log.warning("resume_waits_for_lease")
    await lease.wait()
    await pool.resume()


async def _drain(pool: Pool, lease: Lease) -> None:
    """Take nothing new, and let the heartbeats hand over what is here while there is somebody to have it."""
    pool.draining = True
    try:
        async with asyncio.timeout(DRAIN_DEADLINE_SECONDS):
            while lease.leased and (pool.holdings.held() or pool.holdings.hibernated):  # noqa: ASYNC110 - nobody else tells
                await asyncio.sleep(DRAIN_LOOK_SECONDS)
    except TimeoutError:
        log.warning(
            "drain_unfinished", extra={"sessions": len(pool.holdings.held()) + pool.holdings.hibernated}
        )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _end(task: asyncio.Task[None]) -> None:
    """Whoever awaited it has heard of its failure."""
    task.cancel()
    await asyncio.wait([task])


async def _flush(relay: Relay, outbox: Outbox) -> None:
    try:
        async with asyncio.timeout(FLUSH_DEADLINE_SECONDS):
            delivered = await relay.flush_once()
    except TimeoutError:
        delivered = False
    if not delivered:
        log.warning("outbox_kept", extra={"events": outbox.depth(), "until": "the next start of this node"})
