"""The way back to the backend: return_url with a result that the backend can check without asking us.

Rule: what is signed is a list of lines, and the only free text is the last of them, so nothing can be moved
from one value to another. docs/linking.md shows how to verify it; a test runs what stands there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from storage.sessions import Session

VERSION = "linkpool-return-v1"
PARAMETERS = ("session_id", "status", "reference", "timestamp", "signature")
"""Added to the query of return_url. The phone number is not among them: addresses end up in logs and
histories, and the backend reads it from the API or has it from the webhook."""


def return_address(url: str, session: Session, secrets: Iterable[str], now: datetime) -> str:
    """`url` with the result of the session as it stands now, signed with each of the webhook secrets."""
    timestamp = str(int(now.timestamp()))
    reference = session.reference or ""
    lines = (VERSION, session.id, session.status.value, timestamp, reference)
    signature = ",".join(sign_lines(secret, lines) for secret in secrets)
    values = (session.id, session.status.value, reference, timestamp, signature)
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in PARAMETERS]
    query = urlencode([*kept, *zip(PARAMETERS, values, strict=True)])
    return urlunsplit(parts._replace(query=query))


def sign_lines(secret: str, lines: Iterable[str]) -> str:
    """HMAC-SHA256 in hex, with the same key as the webhooks: the base64 after `whsec_`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
