"""Addresses of the hosted page. A token is derived, never stored: the registry holds its SHA-256.

Rule: a token is an HMAC over session id and link number under SECRET_KEY, 256 bits; raising the link
number revokes it, and so does taking away the key that made it. New links are made with the first key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta

from storage.clock import Clock
from storage.session_table import SessionTable
from storage.sessions import Session


class Links:
    """Makes and finds links."""

    def __init__(
        self,
        sessions: SessionTable,
        clock: Clock,
        *,
        secret_keys: Sequence[str],
        public_url: str,
        ttl: timedelta,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._keys = [key.encode() for key in secret_keys]
        self._public_url = public_url.rstrip("/")
        self.ttl = ttl

    def token_hash(self, session_id: str, link_seq: int) -> str:
        """What the registry keeps of a new link."""
        return hash_token(_token(self._keys[0], session_id, link_seq))

    def renewed_hash(self, session: Session) -> str:
        """What the registry keeps of a link that goes on: the same, or anew where its key was taken away."""
        token = self._token_of(session)
        return self.token_hash(session.id, session.link_seq) if token is None else hash_token(token)

    def url(self, session: Session) -> str:
        """The address to give to the end user; one that opens nothing when the link is revoked."""
        token = self._token_of(session) or _token(self._keys[0], session.id, session.link_seq)
        return f"{self._public_url}/link/{token}"

    def find(self, token: str) -> Session | None:
        """The session behind a token, expired or not; None for a token that never was or is revoked."""
        session = self._sessions.by_link(hash_token(token))
        return None if session is None or self._token_of(session) is None else session

    def expired(self, session: Session) -> bool:
        """The link may no longer be used to start or pair anything."""
        return session.link_expires_at is None or session.link_expires_at <= self._clock.now()

    def _token_of(self, session: Session) -> str | None:
        """The secret part of its address; None when the key that made it is here no more."""
        for key in self._keys:
            token = _token(key, session.id, session.link_seq)
            if hash_token(token) == session.link_token_hash:
                return token
        return None


def _token(key: bytes, session_id: str, link_seq: int) -> str:
    digest = hmac.new(key, f"link:{session_id}:{link_seq}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def hash_token(token: str) -> str:
    """A plain hash is right here: the token has 256 random bits, there is nothing to guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
