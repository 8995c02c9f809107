"""How node and functions prove to each other who they are: HMAC-SHA256 over request and body.

Rule: a signature is good once, for five minutes, for one method, one path and one body.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from storage.errors import Untrusted

NODE_HEADER = "Linkpool-Node"
TIMESTAMP_HEADER = "Linkpool-Timestamp"
NONCE_HEADER = "Linkpool-Nonce"
SIGNATURE_HEADER = "Linkpool-Signature"

TOLERANCE = timedelta(minutes=5)
"""Clocks of machines in one deployment differ by seconds; a captured request older than this is dead."""


def _digest(
    secret: str, node_id: str, timestamp: str, nonce: str, method: str, path: str, body: bytes
) -> str:
    message = "\n".join((node_id, timestamp, nonce, method.upper(), path, hashlib.sha256(body).hexdigest()))
    return "v1=" + hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def sign(secret: str, node_id: str, method: str, path: str, body: bytes, now: datetime) -> dict[str, str]:
    """Headers for one request of a node. `path` is without scheme, host and query."""
    timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(16)
    return {
        NODE_HEADER: node_id,
        TIMESTAMP_HEADER: timestamp,
        NONCE_HEADER: nonce,
        SIGNATURE_HEADER: _digest(secret, node_id, timestamp, nonce, method, path, body),
    }


def verify(
    secret: str, headers: Mapping[str, str], method: str, path: str, body: bytes, now: datetime
) -> tuple[str, str]:
    """Check one request; give (node id, nonce). The caller must refuse a nonce that it has seen.

    Raises Untrusted.
    """
    values = [
        headers.get(name, "") for name in (NODE_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
    ]
    node_id, timestamp, nonce, signature = values
    if not all(values):
        raise Untrusted("the request is not signed")
    expected = _digest(secret, node_id, timestamp, nonce, method, path, body)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogateescape")):
        raise Untrusted("the signature does not match; is POOL_SECRET the same on both sides?")
    try:
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Untrusted(f"{TIMESTAMP_HEADER} is not a time in seconds") from error
    if abs(now - signed_at) > TOLERANCE:
        raise Untrusted(f"signed {now - signed_at} away from now; set the clocks of both machines")
    return node_id, nonce
