"""Answers as bytes, for what never reaches the application: no thread is free for it, or it is no request."""

from __future__ import annotations

import json
from http import HTTPStatus

BUSY_PAGE = (
    b'<!doctype html><html lang="en"><meta charset="utf-8">'
    b'<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="2">'
    b"<title>One moment</title><p>Many people are here right now. This page tries again by itself.</p></html>"
)
"""For a browser, which would show a problem as it is."""


def problem_bytes(status: int, code: str, detail: str, *fields: str, closes: bool = True) -> bytes:
    """A refusal for a program; `fields` are further lines of its head."""
    body = {
        "type": f"urn:linkpool:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": None,
    }
    return answer_bytes(status, "application/problem+json", json.dumps(body).encode(), *fields, closes=closes)


def answer_bytes(status: int, mimetype: str, body: bytes, *fields: str, closes: bool) -> bytes:
    """Any answer; `closes` says that the connection ends with it."""
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase.upper()}",
        f"Content-Type: {mimetype}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        f"Connection: {'close' if closes else 'keep-alive'}",
        *fields,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
