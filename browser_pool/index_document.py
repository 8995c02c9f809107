"""The index document of one web version: what a browser gets when it opens the site. Everything else of a
version hangs on the names in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_BYTES = 5 * 1024 * 1024
"""The real one has about half a megabyte."""
UNNAMED = "unknown"
"""A page that does not tell its version."""
NAME = re.compile(r"[0-9.a-z-]{1,40}")
KEPT_HEADERS = frozenset(
    {
        "accept-ch",
        "content-security-policy",
        "content-security-policy-report-only",
        "content-type",
        "critical-ch",
        "cross-origin-embedder-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "document-policy",
        "origin-agent-cluster",
        "permissions-policy",
        "referrer-policy",
        "x-content-type-options",
        "x-frame-options",
    }
)
"""What changes how the page runs. Not cookies, which belong to somebody, nor anything about transport."""
_HTML = re.compile(
    rb"(\xef\xbb\xbf)?\s*+(?:(?><!--.*?-->)\s*+)*+<(!doctype html|html|head)\b", re.IGNORECASE | re.DOTALL
)
"""Nothing is tried twice: 22 comments before no tag held the whole pool for 4 s, 40 would have for days."""


@dataclass(frozen=True, kw_only=True)
class IndexDocument:
    """One version's document, with the headers that belong to it."""

    name: str
    body: bytes
    headers: Mapping[str, str]


def version_name(reported: str) -> str:
    """The version as a file name; the page's own word is not trusted to be one."""
    name = reported.lower()
    return name if NAME.fullmatch(name) else UNNAMED


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those worth keeping, by lower-case name."""
    return {name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS}


def looks_like_html(body: bytes) -> bool:
    """A page with a script in it, of a size that a page has."""
    return len(body) <= MAX_BYTES and _HTML.match(body[:4096]) is not None and b"<script" in body
