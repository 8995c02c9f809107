"""The registry's mirror: litestream carries every commit of the SQLite file to a bucket or a directory.

Rule: a registry that is missing is brought back before anything opens it. Started empty beside a mirror it
would become the mirror's newest state (measured), and the accounts would be gone by our own hand. So a
mirror that does not answer then is an error, never an absence.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.env_files import write_private
from deploy.keeper import Program
from deploy.settings import ROOT, Settings
from storage.clock import SystemClock
from storage.database import open_database, sqlite_path, sqlite_url
from storage.errors import ConfigError, LinkpoolError
from storage.workspaces import Workspaces

log = logging.getLogger(__name__)

BELOW_SNAPSHOTS = "registry"
CONFIG_FILE = "registry_mirror.json"
"""JSON, which is YAML too, as litestream wants it."""
BUSY_TIMEOUT = "5s"
"""How long litestream waits for our write lock; a transaction of ours takes a millisecond."""
LOOK_EVERY = "200ms"
"""Until its first look, litestream carries nothing at a stop, either. Measured: 0.1 % of a core."""
SYNC_EVERY = "1s"
"""What a lost disk costs at most, on a store that answers."""
KEEP_STATES = "168h"
"""A mistake may be noticed after the weekend; a registry is a few MB."""
LAST_SYNC_WITHIN = timedelta(seconds=15)
BRING_BACK_WITHIN = timedelta(minutes=5)
"""litestream itself asks a store that does not answer for ever; a registry of 100 MB takes seconds."""


class MirrorFailed(LinkpoolError):
    """The registry is missing, and its mirror could not be read."""


@dataclass(frozen=True, kw_only=True)
class RegistryMirror:
    """Which file is carried where."""

    registry: Path
    target: Mapping[str, Any]
    """litestream's description of a replica, without secrets: those come by the AWS variables."""
    shown: str
    config_path: Path
    litestream: str
    environ: Mapping[str, str]

    @classmethod
    def from_settings(cls, settings: Settings) -> RegistryMirror | None:
        """None when REGISTRY_MIRROR is off. Raises ConfigError."""
        environ = settings.child_environ()
        wanted = environ.get("REGISTRY_MIRROR") or "off"
        if wanted == "off":
            return None
        problems: list[str] = []
        url = _url(wanted, environ, problems)
        target = None if url is None else _target(url, environ, problems)
        litestream = shutil.which("litestream", path=environ["PATH"])
        if litestream is None:
            problems.append("REGISTRY_MIRROR: litestream is missing; `make setup` installs it")
        try:
            registry = sqlite_path(environ.get("DATABASE_URL") or sqlite_url(environ["DATA_DIR"]))
        except ConfigError as error:
            problems += [f"REGISTRY_MIRROR carries SQLite only: {problem}" for problem in error.problems]
        if problems:
            raise ConfigError(problems)
        assert target is not None
        assert url is not None
        assert litestream is not None
        return cls(
            registry=(ROOT / registry).absolute(),
            target=target,
            shown=url,
            config_path=settings.data_dir / CONFIG_FILE,
            litestream=litestream,
            environ=environ_for_litestream(environ),
        )

    def program(self) -> Program:
        """What a Keeper runs. SIGTERM makes it carry the last commits first."""
        self._write_config()
        return Program(
            name="registry-mirror",
            command=[self.litestream, "replicate", *self._config_arguments()],
            stop_within=LAST_SYNC_WITHIN + timedelta(seconds=5),
        )

    async def bring_back(self) -> bool:
        """Restore the registry when there is none here, or an empty one, and there is one in the mirror; True
        when that was done. Before anything opens it, at every start. Raises MirrorFailed, RegistryError.

        An empty one may have been made by a command that only wanted to look.
        """
        self._check_mount()
        if self.registry.exists() and await asyncio.to_thread(_holds_anything, self.registry):
            return False
        self._write_config()
        self.registry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        restored = self.registry.with_name(self.registry.name + ".from-mirror")
        restored.unlink(missing_ok=True)
        await self._restore(restored)
        if not restored.exists():
            log.info("mirror_is_empty", extra={"mirror": self.shown})
            return False
        for suffix in ("", "-wal", "-shm"):  # SQLite would mix the log of another life into this one
            left = self.registry.with_name(self.registry.name + suffix)
            if left.exists():
                left.rename(left.with_name(left.name + ".aside"))
        restored.rename(self.registry)
        log.info("registry_brought_back", extra={"mirror": self.shown})
        return True

    async def _restore(self, target: Path) -> None:
        """Make the file, unless the mirror says that it holds nothing. Raises MirrorFailed."""
        command = [self.litestream, "restore", *self._config_arguments(), "-if-replica-exists"]
        process = await asyncio.create_subprocess_exec(
            *command,
            "-o",
            str(target),
            str(self.registry),
            env=dict(self.environ),
            stdout=PIPE,
            stderr=PIPE,
            umask=0o077,
        )
        try:
            async with asyncio.timeout(BRING_BACK_WITHIN.total_seconds()):
                _, said = await process.communicate()
        except TimeoutError as error:
            raise self._failed(f"no answer within {BRING_BACK_WITHIN.seconds // 60} minutes") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise self._failed(said.decode(errors="replace").strip()[-300:])

    def _check_mount(self) -> None:
        """litestream makes every directory on the way; on a mount that is gone it would begin anew."""
        if self.target["type"] == "file":
            mount = Path(self.target["path"]).parent.parent
            if not mount.is_dir():
                raise MirrorFailed(f"REGISTRY_MIRROR: {mount} does not exist; mount it, or make it")

    def _failed(self, why: str) -> MirrorFailed:
        return MirrorFailed(
            f"{self.registry} is missing or empty, and its mirror {self.shown} cannot be read: {why}; make"
            " it reachable, or set REGISTRY_MIRROR=off to begin with an empty registry"
        )

    def _config_arguments(self) -> list[str]:
        return ["-config", str(self.config_path), "-no-expand-env"]

    def _write_config(self) -> None:
        config = {
            "dbs": [
                {
                    "path": str(self.registry),
                    "busy-timeout": BUSY_TIMEOUT,
                    "monitor-interval": LOOK_EVERY,
                    "replica": {**self.target, "sync-interval": SYNC_EVERY},
                }
            ],
            "snapshot": {"interval": "24h", "retention": KEEP_STATES},
            "shutdown-sync-timeout": f"{LAST_SYNC_WITHIN.seconds}s",
            "logging": {"type": "json", "stderr": True, "level": "warn"},
        }
        write_private(self.config_path, json.dumps(config, indent=2) + "\n")


def environ_for_litestream(environ: Mapping[str, str]) -> dict[str, str]:
    """Without our secrets; and AWS_CA_BUNDLE, on which litestream 0.5 stumbles, under Go's own name."""
    kept = {name: value for name, value in environ.items() if name.startswith(("AWS_", "LITESTREAM_"))}
    kept |= {
        name: environ[name] for name in ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR") if name in environ
    }
    kept |= {name: value for name, value in environ.items() if name.lower().endswith("_proxy")}
    bundle = kept.pop("AWS_CA_BUNDLE", None)
    return {"SSL_CERT_FILE": bundle, **kept} if bundle else kept


def _holds_anything(registry: Path) -> bool:
    """Whether there is a workspace; without one there can be nothing else. Raises RegistryError."""
    database = open_database(f"sqlite:///{registry}")
    try:
        database.migrate()
        return bool(Workspaces(database, SystemClock()).all())
    finally:
        database.close()


def _url(wanted: str, environ: Mapping[str, str], problems: list[str]) -> str | None:
    if wanted != "on":
        return wanted
    snapshots = environ.get("SNAPSHOT_URL")
    if not snapshots:
        problems.append(
            "REGISTRY_MIRROR=on needs SNAPSHOT_URL: beside the registry, the mirror is lost with it"
        )
        return None
    return f"{snapshots.rstrip('/')}/{BELOW_SNAPSHOTS}"


def _target(url: str, environ: Mapping[str, str], problems: list[str]) -> dict[str, Any] | None:
    if url.startswith(("file:///", "file://./", "file://../")):
        return {"type": "file", "path": str((ROOT / url.removeprefix("file://")).resolve())}
    parts = urlsplit(url)
    path = parts.path.strip("/")
    if parts.scheme != "s3" or not parts.hostname or not path or "@" in url:
        problems.append(
            "REGISTRY_MIRROR must be off, on, s3://bucket/prefix or file:///absolute/directory; keys of a"
            " bucket come by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
        return None
    target: dict[str, Any] = {"type": "s3", "bucket": parts.netloc, "path": path}
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if endpoint := environ.get("S3_ENDPOINT_URL"):
        target |= {"endpoint": endpoint, "force-path-style": True}
        region = region or "us-east-1"  # servers of our own take any; without one litestream asks AWS
    return target | ({"region": region} if region else {})
