"""What a node is told by its environment. Read once, in `__main__`; values are passed on, not the config."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from browser_pool.browser_users import SPARE
from browser_pool.memory_watch import MB, MemoryLimits, default_budget
from browser_pool.port_guard import Guard
from browser_pool.setting_reader import SettingReader
from browser_pool.snapshot_account import SnapshotTimes
from storage.errors import ConfigError
from storage.private_tls import PrivateTls

REAL_SITE = "https://web.whatsapp.com/"


class OnStop(StrEnum):
    """What SIGTERM does to the browsers."""

    CLOSE = "close"
    KEEP = "keep"
    DRAIN = "drain"


@dataclass(frozen=True, kw_only=True)
class PoolConfig:
    """Everything a node can be told. `from_env` reports all problems at once."""

    node_id: str
    """Name of this node in the registry; stable over restarts, unique in the deployment."""
    pool_secrets: tuple[str, ...]
    """Shared with the functions: the first signs events and heartbeats; all verify calls of the control API,
    and are bearer tokens of it."""
    control_bearer: bool
    """CONTROL_BEARER: whether the control API takes the secret itself as a bearer token, too, as operators
    and scripts send it. The functions sign."""
    tls: PrivateTls | None
    """TLS_CERT, TLS_KEY, TLS_CA: where no private network lies between node and functions, each shows the
    other a certificate. None: plain HTTP on the control API."""
    pool_host: str
    """Address the control API binds; loopback unless functions run elsewhere."""
    pool_port: int
    """Port of the control API."""
    pool_url: str
    """Where the functions reach the control API."""
    functions_url: str
    """Where this node reports events and heartbeats."""
    data_dir: Path
    """Profiles, journal and outbox of this node."""
    metrics_token: str | None
    """Reads /metrics of the control API, and nothing else of it; POOL_SECRET does, too."""
    whatsapp_lookups: Path | None
    """A file that says where the page's insides are found, for when WhatsApp changed before a release."""
    canary_every: timedelta
    """How often a browser without an account looks whether WhatsApp Web still shows a QR; 0 means never."""
    drill_every: timedelta
    """How often the newest snapshot of one session is opened, to know that it works; 0 means never."""
    whatsapp_web_url: str
    """The page that slots open; the stand-in in tests."""
    page_hosts: tuple[str, ...]
    """Hosts beside WhatsApp's that pages may talk to."""
    region: str | None
    """Free text; placement prefers equal ones."""
    max_slots: int
    """Most browsers at a time; 140 MB each, measured."""
    warm_slots: int
    """Browsers that show a QR before anybody asks for it."""
    warm_park_after: timedelta
    """Without a new session for this long, warm slots stop renewing their QR; the next one wakes them."""
    start_concurrency: int
    """Browsers starting at once; more only makes all of them slower."""
    hibernate_after: timedelta
    """A linked session without keep_alive that nobody used for this long is closed; 0 means never."""
    snapshot_key: str | None
    """Seals snapshots: 32 random bytes in base64, or aws-kms:<key>. None: logins are on this disk only."""
    snapshot_key_old: str
    """SNAPSHOT_KEY_OLD, with commas between several: open what they wrapped, while one replaces another."""
    snapshot_url: str
    """Where snapshots go: file:///directory or s3://bucket/prefix."""
    s3_endpoint_url: str | None
    """An S3 server that is not AWS."""
    mirrored: bool
    """AUTH_STRATEGY: whether logins are mirrored to the store. Off, they are still restored from it."""
    snapshot_times: SnapshotTimes
    """How long a login has to be quiet before its change is saved, after how long it is saved in any case,
    and how many snapshots of a session are kept."""
    memory: MemoryLimits
    """PSS at which a slot is warned of and recycled, and what all browsers may use together."""
    qr_timeout: timedelta
    """Nobody scanned for this long: the session expires and its browser is freed."""
    launch_timeout: timedelta
    """Chromium answering on its debugging port; the seeds' 30 s, measured 0.1 s."""
    load_timeout: timedelta
    """WhatsApp Web's modules or its QR there; the seeds' 30 s."""
    first_qr_timeout: timedelta
    """From loaded to the first QR."""
    link_timeout: timedelta
    """From the scan to a socket that is connected."""
    heartbeat_every: timedelta
    """How often this node reports; a third of a lease or less."""
    on_stop: OnStop
    """What SIGTERM does: close browsers, or keep them for the next process, or drain: hand every session to
    another node first."""
    golden_profile: bool
    """New profiles start from the caches of a good one; off for a look at what a first visit does."""
    web_version: str | None
    """Open the site with this version's index document, and no other."""
    web_version_url: str | None
    """Where to fetch that document, with {version} in its place."""
    chromium_path: str | None
    """The headless shell; found on PATH when empty."""
    chromium_uid: int
    """Unprivileged uid for Chromium when the pool is root. In a range no distribution hands out."""
    chromium_uids: int
    """CHROMIUM_UIDS: from CHROMIUM_UID on, a user for each browser; 1: all browsers share one."""
    chromium_sandbox: bool
    """Off only where the kernel forbids user namespaces; said loudly."""
    debug_port_guard: Guard
    """DEBUG_PORT_GUARD: what to do when other users of this machine can reach the browsers' debugging ports,
    or when that is not known."""

    @property
    def pool_secret(self) -> str:
        """What signs."""
        return self.pool_secrets[0]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> PoolConfig:
        """Raises ConfigError with every problem."""
        reader = SettingReader(environ)
        functions_port = reader.integer("FUNCTIONS_PORT", 8000, 1, 65535)
        pool_port = reader.integer("POOL_PORT", 8100, 1, 65535)
        host = reader.text("POOL_HOST", "127.0.0.1")
        qr_timeout = reader.seconds("QR_TIMEOUT_SECONDS", 300)
        data_dir = Path(reader.text("DATA_DIR", "./data")).absolute()
        config = cls(
            node_id=reader.text("NODE_ID", socket.gethostname() or "node"),
            pool_secrets=reader.secrets("POOL_SECRET"),
            control_bearer=reader.choice("CONTROL_BEARER", "on", ["on", "off"]) == "on",
            tls=PrivateTls.from_env(environ, reader.problems),
            pool_host=host,
            pool_port=pool_port,
            pool_url=reader.url(
                "POOL_URL", f"http{'s' if environ.get('TLS_CERT') else ''}://127.0.0.1:{pool_port}"
            ),
            functions_url=reader.url("FUNCTIONS_URL", f"http://127.0.0.1:{functions_port}"),
            data_dir=data_dir,
            metrics_token=reader.optional_secret("METRICS_TOKEN"),
            whatsapp_lookups=reader.optional_path("WHATSAPP_LOOKUPS"),
            canary_every=timedelta(seconds=reader.integer("CANARY_EVERY_SECONDS", 900, 0, 10**8)),
            drill_every=timedelta(seconds=reader.integer("DRILL_EVERY_SECONDS", 86_400, 0, 10**8)),
            whatsapp_web_url=reader.url("WHATSAPP_WEB_URL", REAL_SITE) + "/",
            page_hosts=reader.hosts("PAGE_HOSTS"),
            region=environ.get("REGION") or None,
            max_slots=reader.integer("MAX_SLOTS", 20, 1, 10_000),
            warm_slots=reader.integer("WARM_SLOTS", 2, 0, 1000),
            warm_park_after=reader.seconds("WARM_PARK_SECONDS", 600),
            start_concurrency=reader.integer("START_CONCURRENCY", 3, 1, 1000),
            hibernate_after=timedelta(seconds=reader.integer("HIBERNATE_AFTER_SECONDS", 300, 0, 10**8)),
            snapshot_key=environ.get("SNAPSHOT_KEY") or None,
            snapshot_key_old=reader.old_key(),
            snapshot_url=reader.text("SNAPSHOT_URL", f"file://{data_dir}/snapshots"),
            s3_endpoint_url=environ.get("S3_ENDPOINT_URL") or None,
            mirrored=reader.strategy() == "mirrored",
            snapshot_times=SnapshotTimes(
                quiet=reader.seconds("SNAPSHOT_QUIET_SECONDS", 30),
                every=reader.seconds("SNAPSHOT_EVERY_SECONDS", 300),
                keep=reader.integer("SNAPSHOT_KEEP", 5, 2, 1000),
            ),
            memory=MemoryLimits(
                warn=reader.integer("MEMORY_WARN_MB", 400, 1, 10**6) * MB,
                recycle=reader.integer("MEMORY_RECYCLE_MB", 600, 1, 10**6) * MB,
                budget=reader.integer("MEMORY_BUDGET_MB", default_budget() // MB, 1, 10**7) * MB,
            ),
            qr_timeout=qr_timeout,
            launch_timeout=reader.seconds("LAUNCH_TIMEOUT_SECONDS", 30),
            load_timeout=reader.seconds("LOAD_TIMEOUT_SECONDS", 30),
            first_qr_timeout=min(reader.seconds("FIRST_QR_TIMEOUT_SECONDS", 30), qr_timeout),
            link_timeout=reader.seconds("LINK_TIMEOUT_SECONDS", 120),
            heartbeat_every=reader.seconds("HEARTBEAT_SECONDS", 2),
            on_stop=OnStop(reader.choice("ON_STOP", "close", [choice.value for choice in OnStop])),
            golden_profile=reader.choice("GOLDEN_PROFILE", "on", ["on", "off"]) == "on",
            web_version=reader.version("WEB_VERSION"),
            web_version_url=reader.template("WEB_VERSION_URL", "{version}"),
            chromium_path=environ.get("CHROMIUM_PATH") or None,
            chromium_uid=reader.integer("CHROMIUM_UID", 60900, 1, 2**31),
            chromium_uids=reader.integer("CHROMIUM_UIDS", 1, 1, 10_000),
            chromium_sandbox=reader.choice("CHROMIUM_SANDBOX", "on", ["on", "off"]) == "on",
            debug_port_guard=Guard(
                reader.choice("DEBUG_PORT_GUARD", Guard.REPORT.value, [choice.value for choice in Guard])
            ),
        )
        if 1 < config.chromium_uids < config.max_slots + SPARE:
            reader.problems.append(
                f"CHROMIUM_UIDS={config.chromium_uids} must be 1, or MAX_SLOTS and {SPARE} more:"
                f" {config.max_slots + SPARE}"
            )
        if config.tls is not None and not config.pool_url.startswith("https://"):
            reader.problems.append(f"POOL_URL={config.pool_url!r} must start with https://: TLS_CERT is set")
        if reader.problems:
            raise ConfigError(reader.problems)
        return config
