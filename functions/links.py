"""Addresses of the hosted page. A token is derived, never stored: the registry holds its SHA-256.

Rule: a token is an HMAC over session id and link number under SECRET_KEY, 256 bits; raising the link
number revokes it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta

from storage.clock import Clock
from storage.session_table import SessionTable
from storage.sessions import Session


class Links:
    """Makes and finds links."""

    def __init__(
        self, sessions: SessionTable, clock: Clock, *, secret_key: str, public_url: str, ttl: timedelta
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._secret_key = secret_key.encode()
        self._public_url = public_url.rstrip("/")
        self.ttl = ttl

    def token(self, session_id: str, link_seq: int) -> str:
        """The secret part of the address."""
        message = f"link:{session_id}:{link_seq}".encode()
        digest = hmac.new(self._secret_key, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def token_hash(self, session_id: str, link_seq: int) -> str:
        """What the registry keeps."""
        return hash_token(self.token(session_id, link_seq))

    def url(self, session: Session) -> str:
        """The address to give to the end user."""
        return f"{self._public_url}/link/{self.token(session.id, session.link_seq)}"

    def find(self, token: str) -> Session | None:
        """The session behind a token, expired or not; None for a token that never was or is revoked."""
        return self._sessions.by_link(hash_token(token))

    def expired(self, session: Session) -> bool:
        """The link may no longer be used to start or pair anything."""
        return session.link_expires_at is None or session.link_expires_at <= self._clock.now()


def hash_token(token: str) -> str:
    """A plain hash is right here: the token has 256 random bits, there is nothing to guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
