"""The link to a session's hosted page: until when it lives, at which address, and whose browser has it.

Rule: only the hash of a link's token is stored; whoever reads the registry can open no page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from storage.errors import Conflict
from storage.lifecycle import after_link_replaced, after_link_revoked
from storage.models import FINAL
from storage.session_changes import SessionChanges
from storage.sessions import Session


class HostedLinks:
    """Each session has one address at a time."""

    def __init__(self, changes: SessionChanges) -> None:
        self._changes = changes

    def renew(self, session_id: str, until: datetime, token_hash: str) -> Session:
        """Let the hosted page live longer, at the address with this token. Raises NotFound."""
        return self._changes.change(
            session_id,
            lambda session: replace(session, link_expires_at=until, link_token_hash=token_hash),
            why="link_renewed",
        )

    def replace(self, session_id: str, token_hash: Callable[[int], str], until: datetime) -> Session:
        """Another address for the hosted page; the present one is dead. Raises NotFound, Conflict.

        `token_hash` makes the hash of the token with a link number.
        """

        def change(session: Session) -> Session:
            if session.status in FINAL:
                raise Conflict(
                    f"session {session.id} is {session.status}; create a new one", code="session_ended"
                )
            return after_link_replaced(session, token_hash(session.link_seq + 1), until)

        return self._changes.change(session_id, change, why="link_replaced")

    def revoke(self, session_id: str) -> Session:
        """Let nobody use the hosted page any more; again is no change. Raises NotFound."""
        return self._changes.change(
            session_id,
            lambda session: (
                session
                if session.link_revoked_at is not None or session.link_token_hash is None
                else after_link_revoked(session, self._changes.clock.now())
            ),
            why="link_revoked",
        )

    def bind(self, session: Session, browser_sha256: str) -> Session:
        """Give a link to the first browser that opens it; the session with whoever has it now."""
        with self._changes.database.transaction():
            self._changes.database.run(
                "bind_link",
                id=session.id,
                link_token_hash=session.link_token_hash,
                browser=browser_sha256,
            )
            return self._changes.sessions.get(session.id)
