"""`sessions diagnosis ID`: what its node wrote down when a session failed, fetched from wherever it is.

Rule: the node has left out every secret; this only carries.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import click

from storage.cli_registry import open_registry
from storage.clock import SystemClock
from storage.errors import NotFound
from storage.node_call import NodeSilent, ask_node
from storage.nodes import Node, Nodes


@click.command("diagnosis")
@click.argument("session_id", metavar="SESSION")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write screenshot and all, a .tar.gz.",
)
def fetch_diagnosis(session_id: str, out: Path | None) -> None:
    """Why a session failed, as its node saw it. Needs POOL_SECRET, and a way to that node."""
    clock = SystemClock()
    with open_registry() as database:
        nodes = Nodes(database, clock).that_held(session_id)
    if not nodes:
        raise NotFound(f"no node ever held a session {session_id}")
    archive = _from_one_of(nodes, session_id)
    for facts in _told(archive):
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    if out is not None:
        out.write_bytes(archive)
        click.echo(f"written to {out}", err=True)


def _from_one_of(nodes: list[Node], session_id: str) -> bytes:
    silent = []
    for node in nodes:
        try:
            status, said = ask_node(os.environ, SystemClock(), node.url, f"/sessions/{session_id}/diagnosis")
        except NodeSilent as error:
            silent.append(f"{node.id}: {error}")
            continue
        if status == 200:
            try:
                return base64.b64decode(str(said.get("archive")), validate=True)
            except binascii.Error as error:
                raise NodeSilent(f"{node.id}: the answer cannot be read") from error
        if status != 404:
            silent.append(f"{node.id}: {said.get('detail') or status}")
    if silent:
        raise NodeSilent("; ".join(silent))
    names = ", ".join(node.id for node in nodes)
    raise NotFound(f"{names} wrote no diagnosis of session {session_id}, or it is older than seven days")


def _told(archive: bytes) -> list[Any]:
    """Every why.json, oldest first."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        names = sorted(name for name in packed.getnames() if name.endswith("/why.json"))
        files = [packed.extractfile(name) for name in names]
        return [json.load(file) for file in files if file is not None]
