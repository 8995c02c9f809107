"""One attempt to deliver one webhook: body, signatures, request, and what the answer means.

Rule: a 2xx is delivered, 410 ends the endpoint, everything else is tried again. Redirects are not followed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
from standardwebhooks import Webhook

from functions.guarded_http import AddressRefused, GuardedHttp
from functions.qr_image import qr_png
from functions.retry_schedule import read_retry_after
from storage.clock import Clock, from_wire, to_wire
from storage.delivery import Delivery

USER_AGENT = "linkpool-webhooks/1"
GONE = 410
_LONGEST_ERROR = 200
_ADDRESS = re.compile(r" with url: \S+")
"""Path and query, which some use as a password; the error is logged."""


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """The receiver has it."""

    status_code: int
    error: None = None
    answer: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """It may work later."""

    error: str
    status_code: int | None = None
    retry_after: timedelta | None = None
    answer: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Gone:
    """The receiver wants nothing more."""

    status_code: int = GONE
    error: str = "answered 410"
    answer: bytes = b""


Result = Delivered | Failed | Gone


def body_of(delivery: Delivery, now: datetime) -> bytes:
    """The JSON that is signed and sent. The picture of a QR is made here, with the seconds it has left."""
    data: dict[str, Any] = dict(delivery.data)
    qr_text = data.pop("qr_text", None)
    if qr_text is not None:
        data["qr_code"] = "data:image/png;base64," + base64.b64encode(qr_png(qr_text)).decode()
    if data.get("expires_at") is not None:
        data["expires_in"] = max(0, int((from_wire(data["expires_at"]) - now).total_seconds()))
    body = {"type": delivery.type, "timestamp": to_wire(delivery.occurred_at), "data": data}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


class WebhookSender:
    """Sends. Safe to use from several threads."""

    def __init__(self, http: GuardedHttp, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    def send(self, delivery: Delivery) -> Result:
        """One attempt."""
        sending = delivery.sending
        assert sending is not None
        now = self._clock.now()
        body = body_of(delivery, now)
        headers = {
            **sending.headers,  # first, so that none of them replaces one of ours
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": delivery.id,
            "x-request-id": delivery.id,  # the same over retries, for both logs
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signatures(sending.secrets, delivery.id, now, body),
        }
        try:
            answer = self._http.post(delivery.endpoint_url, body, headers)
        except (requests.RequestException, AddressRefused) as error:
            return Failed(error=_ADDRESS.sub("", f"{type(error).__name__}: {error}")[:_LONGEST_ERROR])
        if 200 <= answer.status < 300:
            return Delivered(status_code=answer.status, answer=answer.start)
        if answer.status == GONE:
            return Gone(answer=answer.start)
        return Failed(
            error=f"answered {answer.status}",
            status_code=answer.status,
            retry_after=read_retry_after(answer.retry_after, now),
            answer=answer.start,
        )


def signatures(secrets: Iterable[str], webhook_id: str, now: datetime, body: bytes) -> str:
    """One signature for each secret, as the standard lists them: receivers take any that fits."""
    return " ".join(Webhook(secret).sign(webhook_id, now, body.decode()) for secret in secrets)
