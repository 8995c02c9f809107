"""`nodes` and `sessions move`: what an operator does with machines.

Rule: a command writes a wish; the nodes' next heartbeats do it, so nothing here waits for a machine.
"""

from __future__ import annotations

from typing import Any

import click

from storage.cli_audit import operator_did
from storage.cli_output import as_json, print_rows
from storage.cli_registry import open_registry
from storage.clock import SystemClock, to_wire
from storage.deliveries import Deliveries
from storage.nodes import Node, Nodes
from storage.registry import Registry


@click.group()
def nodes() -> None:
    """Machines that run browsers."""


@nodes.command("list")
@as_json
def list_nodes(as_json: bool) -> None:
    """Every node that ever reported, with what it has and what was said about it."""
    with open_registry() as database:
        found = Nodes(database, SystemClock())
        now, all_nodes = found.now(), found.all()
    print_rows(
        [{**_node(one), "silent_s": round((now - one.last_seen_at).total_seconds())} for one in all_nodes],
        as_json,
    )


def _node(one: Node) -> dict[str, Any]:
    said = {
        "draining": one.leaving,
        "cordoned": one.cordoned,
        "lost": one.lost,
        "not_answering": one.avoid_until is not None,
        "alone": not one.leased,
    }
    return {
        "id": one.id,
        "index": one.instance_index,
        "url": one.url,
        "region": one.region,
        "capacity": one.capacity,
        "live": one.live,
        "queued": one.queued,
        "free": one.free,
        "state": ",".join(name for name, is_so in said.items() if is_so) or "well",
        "last_seen_at": to_wire(one.last_seen_at),
    }


def _mark(action: str, node_id: str, said: str, **flags: bool) -> None:
    with open_registry() as database, database.transaction():
        Nodes(database, SystemClock()).mark(node_id, **flags)
        operator_did(database, f"nodes.{action}", None, node_id=node_id)
    click.echo(f"{node_id}: {said}")


@nodes.command("cordon")
@click.argument("node_id")
def cordon(node_id: str) -> None:
    """Give it no new sessions; those that it has stay."""
    _mark("cordon", node_id, "gets no new sessions", cordoned=True)


@nodes.command("uncordon")
@click.argument("node_id")
def uncordon(node_id: str) -> None:
    """Undo cordon and drain."""
    _mark("uncordon", node_id, "gets sessions again", cordoned=False, drained=False)


@nodes.command("drain")
@click.argument("node_id")
def drain(node_id: str) -> None:
    """Let it hand its sessions to other nodes, one by one: each is saved, closed, and opened there."""
    _mark(
        "drain",
        node_id,
        "hands its sessions over; see `nodes list` until it has none",
        cordoned=True,
        drained=True,
    )


@nodes.command("lost")
@click.argument("node_id")
@click.option("--yes", is_flag=True, help="The machine is off, or cut off for good: no browser of it runs.")
def lost(node_id: str, yes: bool) -> None:
    """Give its sessions to others although it may trust itself: it was alone when it was last heard.

    Two browsers on one account harm it, so be sure that the machine is off. When it is heard again it gets
    nothing back by itself.
    """
    if not yes:
        raise click.UsageError("say --yes when the machine is off; two browsers on one account harm it")
    _mark("lost", node_id, "is given up; the next heartbeat of another node takes its sessions", lost=True)


@click.command("move")
@click.argument("session_id")
@click.option("--to", "node_id", required=True, help="The node that should have it.")
@as_json
def move_session(session_id: str, node_id: str, as_json: bool) -> None:
    """Let a session go to another node: it is saved and closed by its own, and opened there."""
    with open_registry() as database, database.transaction():
        clock = SystemClock()
        Nodes(database, clock).get(node_id)
        moved = Registry(database, clock, Deliveries(database, clock)).placements.want_on(session_id, node_id)
        operator_did(database, "sessions.move", moved.workspace_id, session_id=session_id, node_id=node_id)
    print_rows([{"id": moved.id, "node_id": moved.node_id, "moving_to": moved.moving_to}], as_json)
