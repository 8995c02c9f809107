"""Writes as a node that lost its sessions would: events to the functions, snapshots to the store.

Rule: it does what the node itself would do, with its name, its generation and its keys, and nobody in between
stops it. Only the two sides that have to refuse it are asked.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import requests
from ulid import ULID

from bench.matrix.trail import log_lines
from bench.matrix.world import World
from storage.clock import SystemClock
from storage.event_log import Outcome
from storage.events import EventType, NodeEvent, encode_events
from storage.key_wrap import key_wrap_from
from storage.node_signing import sign
from storage.object_s3 import S3Store
from storage.snapshot_errors import StaleGeneration
from storage.snapshot_record import About
from storage.vault import Vault

WEBHOOK = "/api/webhook"


@dataclass(kw_only=True)
class Attempts:
    """What came of the writes."""

    refused: int = 0
    accepted: list[str] = field(default_factory=list)


class OldOwner:
    """Knows who had what before the fault."""

    def __init__(self, world: World, owners: Mapping[str, tuple[str, int]], vault: Vault) -> None:
        self.attempts = Attempts()
        self.events_refused = 0
        self._world = world
        self._owners = owners
        self._vault = vault

    def write(self, session_id: str) -> None:
        """Everything that it could write of a session that is another's by now."""
        node_id, generation = self._owners[session_id]
        self._count(f"event of {node_id}", self._event(session_id, node_id, generation))
        self._count(f"snapshot of {node_id}", self._snapshot(session_id, node_id, generation))

    def _count(self, what: str, accepted: bool) -> None:
        if accepted:
            self.attempts.accepted.append(what)
        else:
            self.attempts.refused += 1

    def _event(self, session_id: str, node_id: str, generation: int) -> bool:
        now = datetime.now(UTC)
        event = NodeEvent(
            id=str(ULID()),
            session_id=session_id,
            generation=generation,
            seq=int(now.timestamp() * 1_000_000),
            type=EventType.SESSION_DISCONNECTED,
            occurred_at=now,
            data={"reason_code": "socket_lost"},
        )
        body = encode_events(node_id, [event])
        headers = sign(self._world.environ["POOL_SECRET"], node_id, "POST", WEBHOOK, body, now)
        headers["Content-Type"] = "application/json"
        answer = requests.post(
            f"{self._world.functions_url}{WEBHOOK}", data=body, headers=headers, timeout=20
        )
        answer.raise_for_status()
        (outcome,) = answer.json()["outcomes"]
        self.events_refused += outcome["outcome"] == Outcome.STALE_GENERATION
        return bool(outcome["outcome"] == Outcome.APPLIED)

    def _snapshot(self, session_id: str, node_id: str, generation: int) -> bool:
        about = About(
            session_id=session_id,
            workspace_id=self._world.workspace_id,
            generation=generation,
            node_id=node_id,
            phone_number=None,
            chromium="0",
            web_version=None,
            captured_at=datetime.now(UTC),
            record={},
        )
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "local_storage.json").write_text(json.dumps({"of": node_id}))
            try:
                self._vault.session(session_id).save(Path(directory), about)
            except StaleGeneration:
                return False
        return True


def open_vault(world: World) -> Vault:
    """The world's snapshots, read past every node."""
    bucket, _, prefix = world.snapshot_url.removeprefix("s3://").partition("/")
    store = S3Store(bucket, prefix, endpoint_url=world.store.url)
    return Vault.open(store, key_wrap_from(world.snapshot_key), SystemClock())


def outdated_lines(world: World, vault: Vault, session_id: str) -> list[str]:
    """Snapshots by an older owner that stand above the one that the present owner began with."""
    owner, generation = world.owners()[session_id]
    restored = [
        said["snapshot_id"]
        for said in log_lines(world.directory / f"{owner}.log", "profile_restored")
        if said["session_id"] == session_id
    ]
    if not restored:
        return []  # it never left its owner's disk
    history = vault.session(session_id).history()
    ids = [line.id for line in history]
    above = history[: ids.index(restored[-1])] if restored[-1] in ids else history
    return [
        f"{line.about.node_id} saved {line.id} over {owner}"
        for line in above
        if line.about.generation < generation
    ]
