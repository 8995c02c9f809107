"""Whether a request has arrived whole, from the bytes that are there.

Rule: what is called whole is read by a thread without waiting for one more byte.
"""

from __future__ import annotations

import re
from enum import StrEnum

from functions.raw_body import MAX_BODY_BYTES

LARGEST_HEAD = 64 * 1024
"""Bytes of a request line and all header fields; more are not waited for."""
_MOST_CHUNKED = 2 * MAX_BODY_BYTES
"""Bytes of a body in chunks, with what stands between them."""
_LONGEST_CHUNK_LINE = 256

_END = b"\r\n\r\n"
_FIELDS = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection[ \t]*:[^\r\n]*close", re.IGNORECASE)
_PAGE = re.compile(rb"\r\naccept[ \t]*:[ \t]*text/html", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?")
_URGENT = (b"GET /livez", b"GET /readyz", b"POST /api/webhook", b"POST /api/nodes/")


class Arrived(StrEnum):
    """How far a request is."""

    PART = "part"
    AWAITED = "awaited"
    """Its head is here, and the client wants to hear 100 Continue before it sends the body."""
    WHOLE = "whole"
    UNREAD = "unread"
    """It announces a body that is too large to be waited for; the application says so."""
    HEAD_TOO_LARGE = "head_too_large"
    BODY_TOO_LARGE = "body_too_large"
    MALFORMED = "malformed"
    """Its chunks are none."""


class RequestShape:
    """One request on its way."""

    def __init__(self) -> None:
        self._searched = 0
        self._body_at: int | None = None
        self._length = 0
        self._chunk_at: int | None = None
        """Where the next chunk begins; None when the body does not come in chunks."""
        self._ended = False
        self._expects = False

    def look(self, data: bytearray) -> Arrived:
        """Call it whenever there is more; `data` begins where the request does."""
        if self._body_at is None:
            end = data.find(_END, max(0, self._searched - len(_END)), LARGEST_HEAD)
            if end < 0:
                self._searched = len(data)
                return Arrived.HEAD_TOO_LARGE if len(data) >= LARGEST_HEAD else Arrived.PART
            self._body_at = end + len(_END)
            self._read_head(bytes(data[: end + 2]), self._body_at)
        if self._chunk_at is not None:
            arrived = self._walk_chunks(data, self._chunk_at)
        elif self._length > MAX_BODY_BYTES:
            arrived = Arrived.UNREAD
        else:
            arrived = Arrived.WHOLE if len(data) - self._body_at >= self._length else Arrived.PART
        if arrived is Arrived.PART and self._expects and len(data) == self._body_at:
            self._expects = False
            return Arrived.AWAITED
        return arrived

    def is_exactly(self, data: bytearray) -> bool:
        """Whether this request is all that was sent, so that another may follow on the connection."""
        if self._body_at is None or _CLOSES.search(data, 0, self._body_at):
            return False
        if self._chunk_at is not None:
            return self._ended and len(data) == self._chunk_at
        return len(data) - self._body_at == self._length

    def wants_page(self, data: bytearray) -> bool:
        """Whether a person sits at the other end."""
        return self._body_at is not None and _PAGE.search(data, 0, self._body_at) is not None

    def _read_head(self, head: bytes, body_at: int) -> None:
        for name, value in _FIELDS.findall(head):
            match name.lower():
                case b"content-length" if value.strip().isdigit() and len(value) < 20:
                    self._length = int(value)
                case b"transfer-encoding" if value.strip().lower() == b"chunked":
                    self._chunk_at = body_at
                case b"expect":
                    self._expects = value.strip().lower() == b"100-continue"

    def _walk_chunks(self, data: bytearray, at: int) -> Arrived:
        """Step over the chunks that are here; what follows the last one are trailers and an empty line."""
        assert self._body_at is not None
        while not self._ended:
            line_end = data.find(b"\r\n", at, at + _LONGEST_CHUNK_LINE)
            if line_end < 0:
                return Arrived.MALFORMED if len(data) - at >= _LONGEST_CHUNK_LINE else self._part(data)
            size = _CHUNK_SIZE.fullmatch(data, at, line_end)
            if size is None:
                return Arrived.MALFORMED
            length = int(size[1], 16)
            if length == 0:
                end = data.find(_END, line_end)
                if end < 0:
                    return self._part(data)
                self._ended = True
                at = end + len(_END)
            else:
                following = line_end + 2 + length + 2
                if following > len(data):
                    return self._part(data)
                at = following
            self._chunk_at = at
        return Arrived.WHOLE

    def _part(self, data: bytearray) -> Arrived:
        assert self._body_at is not None
        return Arrived.BODY_TOO_LARGE if len(data) - self._body_at > _MOST_CHUNKED else Arrived.PART


def is_urgent(data: bytearray) -> bool:
    """Whether refusing it would make things worse: probes, and what nodes report."""
    return data.startswith(_URGENT)
