"""The composition root of a node: makes every part, starts them in order, stops them in reverse."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack

from aiohttp import ClientSession, web

from browser_pool.background import run_beside
from browser_pool.call_guard import CallGuard
from browser_pool.canary import Canary
from browser_pool.config import OnStop, PoolConfig
from browser_pool.control import ControlApi
from browser_pool.departures import Departures
from browser_pool.drill_book import DrillBook
from browser_pool.driller import Driller
from browser_pool.driver import Driver
from browser_pool.golden_builder import GoldenBuilder
from browser_pool.golden_keeper import GoldenKeeper
from browser_pool.golden_profile import GoldenProfile
from browser_pool.hibernator import Hibernator
from browser_pool.holdings import Holdings
from browser_pool.journal import Journal
from browser_pool.last_words import drain, flush
from browser_pool.lease import Lease
from browser_pool.lookup_file import LookupFile
from browser_pool.loop_watch import watch_loop
from browser_pool.machine import take_machine
from browser_pool.memory_watch import MemoryWatch
from browser_pool.metrics import PoolMetrics
from browser_pool.node_agent import NodeAgent
from browser_pool.outbox import Outbox
from browser_pool.pool import Pool
from browser_pool.pool_db import open_pool_db
from browser_pool.port_guard import judge
from browser_pool.reconciler import Reconciler
from browser_pool.ref_clock import RefLives
from browser_pool.relay import Relay
from browser_pool.site_watch import SiteWatch
from browser_pool.slot_settings import SlotSettings
from browser_pool.snapshot_parts import open_snapshots
from browser_pool.start_queue import StartQueue
from browser_pool.version_mirror import pinned_document
from browser_pool.version_store import VersionStore
from browser_pool.vitals import Vitals
from browser_pool.warm_keeper import WarmKeeper
from browser_pool.web_versions import WebVersions
from browser_pool.workshop import Workshop
from storage.clock import SystemClock

log = logging.getLogger(__name__)


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
    machine = await take_machine(config, stack)
    db = open_pool_db(config.data_dir / "pool.db")
    stack.callback(db.close)
    outbox, journal = Outbox(db, clock), Journal(db, clock)
    http = await stack.enter_async_context(ClientSession())
    await driver.wait_started()
    starts = StartQueue(config.start_concurrency, config.max_slots, clock)
    chromium = machine.user_agent.version
    golden = GoldenKeeper(
        GoldenProfile(config.data_dir),
        clock,
        enabled=config.golden_profile,
        chromium=chromium,
        owner_uid=machine.confinement.uid,
    )
    await golden.open()
    versions = VersionStore(config.data_dir)
    lease = Lease.open(config.data_dir)
    keep = config.on_stop is OnStop.KEEP
    stack.callback(lease.close, keep_browsers=keep)
    snapshots = open_snapshots(config, clock, metrics, lease, golden, chromium, stack)
    snapshotter = snapshots.snapshotter
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
            executable=machine.executable,
            confinement=machine.confinement,
            user_agent=machine.user_agent,
            url=config.whatsapp_web_url,
            more_hosts=config.page_hosts,
            launch_timeout=config.launch_timeout,
            lookups=lookups,
        ),
        snapshots=snapshots.store,
        snapshotter=snapshotter,
        restorer=snapshots.restorer,
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
    farewell = await stack.enter_async_context(AsyncExitStack())  # when no browser of ours runs any more
    stack.push_async_callback(flush, relay, outbox)
    run_beside(stack, relay.run(), "relay")
    warm = WarmKeeper(shop, config.warm_slots, config.warm_park_after)
    pool = Pool(shop, warm, Holdings(shop))
    departures = Departures(shop, pool)
    await machine.walls_hold
    ports = await machine.ports
    judge(ports, config.debug_port_guard)
    if lease.valid:
        await pool.resume()
    else:  # others may have what is here: the first heartbeat says
        run_beside(stack, _resume(pool, lease), "resume")
    stack.push_async_callback(pool.stop, keep_browsers=keep)
    if snapshotter is not None:
        snapshotter.sessions = pool.holdings.savable
        run_beside(stack, snapshotter.run(), "snapshotter")
    driller = None
    if snapshots.store is not None and snapshotter is not None:
        book = DrillBook(db, clock)
        driller = Driller(snapshots.store, starts, metrics, clock, book, config.data_dir, config.drill_every)
        driller.sessions = pool.holdings.savable
        run_beside(stack, driller.run(), "driller")
    hibernator = Hibernator(pool, starts, clock, config.hibernate_after)
    memory = MemoryWatch(pool, starts, config.memory, metrics, clock)
    canary = Canary(shop, config.canary_every)
    site = SiteWatch(config.whatsapp_web_url)
    stack.push_async_callback(hibernator.close)
    for work, name in (
        (warm.run(), "warm-keeper"),
        (GoldenBuilder(shop, golden).run(), "golden-builder"),
        (hibernator.run(), "hibernator"),
        (memory.run(), "memory-watch"),
        (canary.run(), "canary"),
        (site.run(), "site-watch"),
        (watch_loop(metrics.loop_was_late), "loop-watch"),
    ):
        run_beside(stack, work, name)
    reconciler = Reconciler(pool, departures)
    stack.push_async_callback(reconciler.close)
    agent = NodeAgent(
        http,
        pool,
        reconciler,
        lease,
        starts,
        memory,
        site,
        clock,
        tls=tls,
        functions_url=config.functions_url,
        node_id=config.node_id,
        node_url=config.pool_url,
        region=config.region,
        secret=config.pool_secret,
        every=config.heartbeat_every,
    )
    farewell.push_async_callback(agent.say_goodbye, keeps_browsers=keep)
    stack.push_async_callback(agent.say_goodbye, keeps_browsers=keep)  # nothing new may come while they close
    run_beside(stack, agent.run(), "heartbeat")
    about = {
        "node_id": config.node_id,
        "sandbox": machine.confinement.sandboxed,
        "debug_port": ports.to_json(),
        "chromium": chromium,
    }
    vitals = Vitals(
        pool=pool,
        starts=starts,
        memory=memory,
        outbox=outbox,
        agent=agent,
        snapshotter=snapshotter,
        driller=driller,
        metrics=metrics,
        clock=clock,
        about=about,
        state=lambda: {
            "web_version": shop.web_versions.state(),
            "golden": golden.state(),
            "snapshots": snapshots.state(),
            "canary": canary.state(),
            "drill": driller.state() if driller else None,
            "site": site.state(),
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
    api = ControlApi(pool, departures, memory, outbox, vitals, guard=guard, data_dir=config.data_dir)
    web_runner = web.AppRunner(api.application(), access_log=None, handle_signals=False)
    await web_runner.setup()
    stack.push_async_callback(web_runner.cleanup)
    serving = None if config.tls is None else config.tls.server_context()
    await web.SockSite(web_runner, machine.listener, ssl_context=serving).start()
    if config.on_stop is OnStop.DRAIN:
        stack.push_async_callback(drain, pool, lease)


async def _resume(pool: Pool, lease: Lease) -> None:
    log.warning("resume_waits_for_lease")
    await lease.wait()
    await pool.resume()
