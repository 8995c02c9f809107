"""Fetches what nodes wrote down of failed sessions, for the operator who is on none of those machines."""

from __future__ import annotations

from functions.pool_client import PoolClient
from storage.errors import NotFound, PoolRefused, PoolUnreachable
from storage.nodes import Nodes


class Diagnoses:
    """Asks the nodes that held a session, the last one first."""

    def __init__(self, nodes: Nodes, pool: PoolClient) -> None:
        self._nodes = nodes
        self._pool = pool

    def fetch(self, session_id: str) -> bytes:
        """A .tar.gz without secrets. Raises NotFound, PoolUnreachable when a node that may have it is away,
        PoolRefused."""
        away: PoolUnreachable | None = None
        for node in self._nodes.that_held(session_id):
            try:
                return self._pool.diagnosis(node.url, session_id)
            except PoolUnreachable as error:
                away = error
            except PoolRefused as error:
                if error.status != 404:
                    raise
        if away is not None:
            raise away
        raise NotFound(
            f"no node has a diagnosis of session {session_id}: it never failed, or more than seven days ago"
        )
