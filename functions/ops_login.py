"""Who may use /ops: the holder of OPS_TOKEN, by bearer or by a cookie that a login gave.

Rule: without OPS_TOKEN nobody. What changes something needs, of a browser, a token of the page itself as
well: a cookie travels with requests that its owner never meant.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

COOKIE = "linkpool_ops"
LASTS = timedelta(hours=12)
"""A shift."""


class OpsLogin:
    """Makes and checks cookies. Changing OPS_TOKEN or SECRET_KEY ends every login."""

    def __init__(self, token: str | None, secret_key: str) -> None:
        self._token = token
        self._key = hmac.digest(secret_key.encode(), b"ops " + (token or "").encode(), "sha256")

    @property
    def is_on(self) -> bool:
        """OPS_TOKEN is set."""
        return self._token is not None

    def accepts(self, token: str) -> bool:
        """This is OPS_TOKEN; compared in constant time."""
        return self._token is not None and hmac.compare_digest(token.encode(), self._token.encode())

    def cookie(self, now: datetime) -> str:
        """For whoever has just shown the token."""
        until = str(int((now + LASTS).timestamp()))
        return f"{until}.{self._sign('login', until)}"

    def knows(self, cookie: str, now: datetime) -> bool:
        """One of ours, and not too old."""
        until, _, signature = cookie.partition(".")
        if not self.is_on or not until.isascii() or not until.isdecimal():
            return False
        good = hmac.compare_digest(signature.encode(), self._sign("login", until).encode())
        return good and int(until) > now.timestamp()

    def form_token(self, cookie: str) -> str:
        """Stands in every form of the page that this cookie was shown for."""
        return self._sign("form", cookie)

    def form_is_ours(self, cookie: str, given: str) -> bool:
        """The form came from a page of this login."""
        return hmac.compare_digest(given.encode(), self.form_token(cookie).encode())

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose} {text}".encode(), hashlib.sha256).hexdigest()
