"""Whether a request has arrived whole, from the bytes that are there. Looks only as far as it needs to.

Rule: it never refuses. What is wrong or too large is whole, so that the parser, or the application, says why.
"""

from __future__ import annotations

import re
from enum import StrEnum

from functions.bodies import MAX_BODY_BYTES

LARGEST_HEAD = 32 * 1024
"""Bytes of a request line and all header fields; whoever sends more is answered without reading on."""

_END = b"\r\n\r\n"
_FIELDS = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection[ \t]*:[^\r\n]*close", re.IGNORECASE)
_URGENT = (b"GET /livez", b"GET /readyz", b"POST /api/webhook", b"POST /api/nodes/")


class Arrived(StrEnum):
    """How far a request is."""

    PART = "part"
    AWAITED = "awaited"
    """Its head is here, and the client wants to hear 100 Continue before it sends the body."""
    WHOLE = "whole"


class RequestShape:
    """One request on its way."""

    def __init__(self) -> None:
        self._searched = 0
        self._body_at: int | None = None
        self._length: int | None = None
        self._chunked = False
        self._expects = False

    def look(self, data: bytearray) -> Arrived:
        """Call it whenever there is more; `data` begins where the request does."""
        if self._body_at is None:
            end = data.find(_END, max(0, self._searched - len(_END)))
            if end < 0:
                self._searched = len(data)
                return Arrived.WHOLE if len(data) > LARGEST_HEAD else Arrived.PART
            self._read_head(bytes(data[: end + 2]))
            self._body_at = end + len(_END)
        here = len(data) - self._body_at
        if self._chunked:
            whole = here > MAX_BODY_BYTES or data.endswith(b"0\r\n\r\n")
        else:
            whole = self._length is None or self._length > MAX_BODY_BYTES or here >= self._length
        if whole:
            return Arrived.WHOLE
        if self._expects and here == 0:
            self._expects = False
            return Arrived.AWAITED
        return Arrived.PART

    def is_exactly(self, data: bytearray) -> bool:
        """Whether this request is all that was sent, so that another may follow on the connection."""
        if self._body_at is None or self._chunked:
            return False
        return len(data) - self._body_at == (self._length or 0) and not _CLOSES.search(data, 0, self._body_at)

    def _read_head(self, head: bytes) -> None:
        for name, value in _FIELDS.findall(head):
            match name.lower():
                case b"content-length" if value.strip().isdigit() and len(value) < 20:
                    self._length = int(value)
                case b"transfer-encoding":
                    self._chunked = True
                case b"expect":
                    self._expects = value.strip().lower() == b"100-continue"


def is_urgent(data: bytearray) -> bool:
    """Whether refusing it would make things worse: probes, and what nodes report."""
    return data.startswith(_URGENT)
