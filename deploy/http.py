"""One HTTP call to a neighbour, as the deploy tools need it. Rule: no answer is an answer too."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status 0 when nobody answered."""

    status: int
    text: str
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def __str__(self) -> str:
        return f"{self.status or 'nothing'}: {self.text[:300]}"


async def call(method: str, url: str, *, token: str | None = None, json: object = None) -> Answer:
    """Without proxy: everything is on this machine. Without exceptions: the caller asks again or gives up."""
    return await asyncio.to_thread(_call, method, url, token, json)


def _call(method: str, url: str, token: str | None, json: object) -> Answer:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with requests.Session() as http:
        http.trust_env = False
        try:
            answer = http.request(method, url, json=json, headers=headers, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return Answer(status=0, text=type(error).__name__, body=None)
    is_json = "json" in answer.headers.get("Content-Type", "")
    return Answer(status=answer.status_code, text=answer.text, body=answer.json() if is_json else None)
