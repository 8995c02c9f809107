"""The browser that opens a link first is the only one that may use it.

Rule: a page hands out a signed cookie, and the link is bound when the cookie comes back. Mail scanners and
previewers fetch a page once and never come back, so they take a link from nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import timedelta

from storage.registry import Registry
from storage.sessions import Session

COOKIE = "linkpool_browser"
COOKIE_LIFE = timedelta(days=30)
"""Longer than any link that is renewed by restarts is of use."""

_NONCE_BYTES = 16


class BrowserBinding:
    """Makes and checks the cookie. The registry holds its SHA-256, as with the tokens of links."""

    def __init__(
        self,
        registry: Registry,
        *,
        secret_key: str,
        on_binding: Callable[[Session], None] = lambda _: None,
    ) -> None:
        """`on_binding` is called before a link is given to a browser."""
        self._registry = registry
        self._secret_key = secret_key.encode()
        self._on_binding = on_binding

    def admits(self, session: Session, cookie: str | None) -> bool:
        """Whether the browser with this cookie, which is `ours`, may use the link; binds it when it has come
        back and nobody else has."""
        if session.link_browser_sha256 is None:
            if cookie is None:
                return True  # a browser that opens it now, or one that keeps no cookies
            self._on_binding(session)
            session = self._registry.links.bind(session, _hash(cookie))
        if cookie is None or session.link_browser_sha256 is None:
            return False
        return hmac.compare_digest(session.link_browser_sha256, _hash(cookie))

    def new_cookie(self, session: Session) -> str:
        """For a browser that has none for this link."""
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        return f"{nonce}.{self._signature(session, nonce)}"

    def ours(self, session: Session, cookies: Iterable[str]) -> str | None:
        """The one that we made for this link, of all that the browser sends under our name: another site of
        this host can set one beside it, but can neither bind the link nor keep its owner out."""
        return next((cookie for cookie in cookies if self._made_here(session, cookie)), None)

    def _made_here(self, session: Session, cookie: str) -> bool:
        nonce, _, signature = cookie.partition(".")
        expected = self._signature(session, nonce)
        return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass"))

    def _signature(self, session: Session, nonce: str) -> str:
        message = f"browser:{session.link_token_hash}:{nonce}".encode("utf-8", "surrogatepass")
        digest = hmac.new(self._secret_key, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()
