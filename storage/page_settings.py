"""What a workspace may say about its hosted pages: colour, logo, and the sites that may frame them.

Rule: an origin is exact: scheme, host and port, no path and no wildcard. Each stands in a policy that
browsers are sent, so nothing is taken that could mean something else there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from storage.errors import LinkpoolError

MOST_ORIGINS = 20
LONGEST_URL = 500

_COLOR = re.compile(r"#[0-9a-f]{6}")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_ORIGIN = re.compile(rf"(https?)://((?:{_LABEL}\.)*{_LABEL})(?::([1-9][0-9]{{0,4}}))?", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_USUAL_PORT = {"http": "80", "https": "443"}
_URL = re.compile(r"https://[!#$%&()*+,./0-9:=?@A-Z_a-z~-]+")
"""No quotes, no spaces, no semicolons."""


class BadSetting(LinkpoolError):
    """A setting of a workspace is not one that pages can be drawn with; the message says what would be."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def read_color(text: str) -> str:
    """#0A7A55 becomes #0a7a55. Raises BadSetting."""
    if _COLOR.fullmatch(text.lower()) is None:
        raise BadSetting("accent_color", "must be a colour as #rrggbb, such as #0a7a55")
    return text.lower()


def read_origin(text: str, field: str) -> str:
    """An origin as browsers write it. Raises BadSetting."""
    match = _ORIGIN.fullmatch(text.lower()) if len(text) <= LONGEST_URL else None
    if match is None or int(match[5] or 1) > 65535:
        raise BadSetting(
            field,
            f"{text[:80]!r} is no origin: write scheme and host as https://app.example.com, with a port if "
            "it has one, without a path, a * or a / at the end; other alphabets in their xn-- form",
        )
    scheme, host, port = match[1], match[2], match[5]
    if scheme == "http" and host not in _LOOPBACK:
        raise BadSetting(field, f"{text[:80]} must be https; http is for localhost and 127.0.0.1 only")
    return f"{scheme}://{host}" + (f":{port}" if port and port != _USUAL_PORT[scheme] else "")


def read_origins(texts: Iterable[str], field: str) -> tuple[str, ...]:
    """Several, each once. Raises BadSetting."""
    origins = tuple(dict.fromkeys(read_origin(text, field) for text in texts))
    if len(origins) > MOST_ORIGINS:
        raise BadSetting(field, f"at most {MOST_ORIGINS} origins")
    return origins


def read_logo(url: str, logo_origins: Iterable[str]) -> str:
    """An address of a picture on a host that the operator has listed. Raises BadSetting."""
    if _URL.fullmatch(url) is None or len(url) > LONGEST_URL:
        raise BadSetting("logo_url", f"must be an https address of at most {LONGEST_URL} plain characters")
    if logo_origin(url) not in set(logo_origins):
        raise BadSetting(
            "logo_url",
            "must lie on one of the workspace's logo_origins; the operator adds one with: "
            "python -m storage.cli workspaces set WORKSPACE_ID --logo-origin https://cdn.example.com",
        )
    return url


def logo_origin(url: str) -> str:
    """Where a logo comes from. Raises BadSetting."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BadSetting("logo_url", "is no address") from error
    return read_origin(f"{parts.scheme}://{parts.netloc}", "logo_url")
