"""Who may call the control API: the functions, by a signature that is good once; operators by bearer token.

Rule: a nonce is in `pool.db` before its call does anything, so that a call that was recorded on the wire is
refused by this process and by the next one. No other node takes it: the signature names the node's URL.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from sqlite_utils import Database

from browser_pool.pool_db import transaction
from storage.clock import Clock, to_wire
from storage.errors import Untrusted
from storage.node_signing import SIGNATURE_HEADER, TOLERANCE, Direction, verify

_NONCE_LIFE = 3 * TOLERANCE
"""A signature made five minutes ahead of our clock is good for ten minutes; five to spare."""


class Replayed(Untrusted):
    """This very call was received before; sign it anew."""


class CallGuard:
    """Judges one call by its headers and body."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        secrets: Sequence[str],
        node_url: str,
        bearer: bool,
        metrics_token: str | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._secrets = secrets
        self._node_url = node_url.rstrip("/")
        self._bearer = [f"Bearer {secret}".encode() for secret in secrets] if bearer else []
        self._for_metrics = [] if metrics_token is None else [f"Bearer {metrics_token}".encode()]

    def check(self, headers: Mapping[str, str], method: str, path: str, body: bytes) -> None:
        """Raises Untrusted, Replayed."""
        if SIGNATURE_HEADER in headers:
            self._check_signature(headers, method, path, body)
            return
        given = headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        wanted = self._bearer + (self._for_metrics if path == "/metrics" else [])
        if not any([hmac.compare_digest(given, good) for good in wanted]):  # noqa: C419 - all of them
            if self._bearer:
                raise Untrusted("the control API wants a signed call, or `Authorization: Bearer POOL_SECRET`")
            raise Untrusted("the control API wants a signed call (CONTROL_BEARER is off)")

    def _check_signature(self, headers: Mapping[str, str], method: str, path: str, body: bytes) -> None:
        now = self._clock.now()
        url, nonce = verify(self._secrets, headers, method, path, body, now, Direction.CALL)
        if url != self._node_url:
            raise Untrusted("this call was signed for another node's URL; is POOL_URL the same everywhere?")
        with transaction(self._db, passing=True):
            self._db.execute("delete from nonces where used_at < ?", [to_wire(now - _NONCE_LIFE)])
            new = self._db.execute(
                "insert into nonces (nonce, used_at) values (?, ?) on conflict do nothing",
                [nonce, to_wire(now)],
            )
            if new.rowcount != 1:
                raise Replayed("this signed call was received before; sign it anew")
