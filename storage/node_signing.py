"""How node and functions prove to each other who they are: HMAC-SHA256 over request and body.

Rule: a signature is good once, for five minutes, in one direction, for one node, one method, one path and
one body. Of several secrets the first signs and all verify, so that one can replace another.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets as random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from storage.errors import Untrusted

NODE_HEADER = "Linkpool-Node"
TIMESTAMP_HEADER = "Linkpool-Timestamp"
NONCE_HEADER = "Linkpool-Nonce"
SIGNATURE_HEADER = "Linkpool-Signature"

TOLERANCE = timedelta(minutes=5)
"""Clocks of machines in one deployment differ by seconds; a captured request older than this is dead."""

LONGEST_NAME = 300
"""Characters of a node's id, its URL, or a nonce."""


class Direction(StrEnum):
    """Who speaks. The value begins the signature, so that no request passes for one of the other kind."""

    REPORT = "v1"
    """A node to the functions; the node header holds its id."""
    CALL = "c1"
    """The functions to a node; the node header holds the node's URL, so that no other node takes it."""


def _digest(
    secret: str,
    direction: Direction,
    node: str,
    timestamp: str,
    nonce: str,
    method: str,
    path: str,
    body: bytes,
) -> str:
    parts = [node, timestamp, nonce, method.upper(), path, hashlib.sha256(body).hexdigest()]
    if direction is Direction.CALL:
        parts.insert(0, direction.value)
    digest = hmac.new(secret.encode(), "\n".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256)
    return f"{direction.value}={digest.hexdigest()}"


def sign(
    secret: str,
    node: str,
    method: str,
    path: str,
    body: bytes,
    now: datetime,
    direction: Direction = Direction.REPORT,
) -> dict[str, str]:
    """Headers for one request. `path` is as it goes on the wire, without scheme, host and query."""
    timestamp, nonce = str(int(now.timestamp())), random.token_hex(16)
    return {
        NODE_HEADER: node,
        TIMESTAMP_HEADER: timestamp,
        NONCE_HEADER: nonce,
        SIGNATURE_HEADER: _digest(secret, direction, node, timestamp, nonce, method, path, body),
    }


def verify(
    secrets: str | Sequence[str],
    headers: Mapping[str, str],
    method: str,
    path: str,
    body: bytes,
    now: datetime,
    direction: Direction = Direction.REPORT,
) -> tuple[str, str]:
    """Check one request; give (node, nonce). The caller must refuse a nonce that it has seen.

    Raises Untrusted.
    """
    node, timestamp, nonce, signature = (
        headers.get(name, "") for name in (NODE_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
    )
    if not (node and timestamp and nonce and signature):
        raise Untrusted("the request is not signed")
    if max(len(node), len(timestamp), len(nonce), len(signature)) > LONGEST_NAME:
        raise Untrusted(f"a header of the signature has more than {LONGEST_NAME} characters")
    given = signature.encode("utf-8", "surrogatepass")
    good = False
    for secret in (secrets,) if isinstance(secrets, str) else secrets:
        expected = _digest(secret, direction, node, timestamp, nonce, method, path, body)
        good |= hmac.compare_digest(expected.encode(), given)  # all are tried: time tells nothing
    if not good:
        raise Untrusted("the signature does not match; is POOL_SECRET the same on both sides?")
    try:
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Untrusted(f"{TIMESTAMP_HEADER} is not a time in seconds") from error
    if abs(now - signed_at) > TOLERANCE:
        raise Untrusted(f"signed {now - signed_at} away from now; set the clocks of both machines")
    return node, nonce
