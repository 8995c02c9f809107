"""Reads the chats of an account when its backend asks for it. Nothing syncs by itself.

Rule: nobody waits for a browser to start. A session that sleeps is woken, and whoever asked asks again.
"""

from __future__ import annotations

from dataclasses import dataclass

from functions.pool_client import PoolClient
from functions.sessions import Sessions
from storage.errors import Conflict, PoolUnreachable
from storage.models import SessionStatus
from storage.registry import Registry
from storage.sessions import Session


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What a sync came to."""

    session: Session
    waking: bool
    """Nothing was read: the session slept, and is on its way to a browser."""


class ChatSync:
    """Reads chats through the node that holds the session."""

    def __init__(self, *, registry: Registry, sessions: Sessions, pool: PoolClient) -> None:
        self._registry = registry
        self._sessions = sessions
        self._pool = pool

    def sync(self, session: Session) -> Synced:
        """Replace what the last sync found by what the page has now; `chats_synced` follows.

        Wakes a hibernated session instead. Conflict `not_connected`, and `still_syncing` while WhatsApp
        sends the chats of a fresh link; PoolUnreachable, PoolRefused.
        """
        if session.status is SessionStatus.HIBERNATED:
            woken = self._sessions.wake(session)
            if woken.status is not SessionStatus.CONNECTED:
                return Synced(session=woken, waking=True)
            session = woken
        if session.status is not SessionStatus.CONNECTED:
            raise Conflict(
                f"session {session.id} is {session.status}; only a connected one has chats to read",
                code="not_connected",
            )
        if session.node_url is None:
            raise PoolUnreachable("no machine holds this session at the moment; try again in a moment")
        complete, chats = self._pool.chats(session.node_url, session.id, session.generation)
        if not complete:
            raise Conflict(
                f"WhatsApp is still sending the chats of session {session.id}; try again in a few seconds",
                code="still_syncing",
            )
        return Synced(session=self._registry.store_chats(session.id, session.generation, chats), waking=False)
