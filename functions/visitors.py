"""Who asks for a hosted page: a person's browser, or a program that looks at links before people do.

Rule: only what a request says of itself is looked at. A visitor that is taken for a person gets a page and
nothing else; nothing starts and nothing is bound by a GET alone.
"""

from __future__ import annotations

import re
from enum import StrEnum

from werkzeug.datastructures import Headers

_PREVIEWER = re.compile(
    r"(?<!cu)bot\b|crawl|spider|slurp|preview|externalhit|externalagent|embedly|iframely|vkshare|"
    r"^WhatsApp/|Slack-ImgProxy|Google-PageRenderer|Google-InspectionTool|Mediapartners|headline|scanner",
    re.IGNORECASE,
)
"""What those that fetch links for chats and search engines call themselves. Signal and WhatsApp say
WhatsApp/2, iMessage facebookexternalhit. CUBOT makes phones."""

_PHONE = re.compile(r"\bMobi|\bAndroid\b(?=.*\bMobile\b)|\biPhone\b|\biPod\b", re.IGNORECASE)


_PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""Where browsers, today's and older ones, say that nobody has asked for the page yet."""


class Visitor(StrEnum):
    """Who it seems to be."""

    PERSON = "person"
    PREVIEWER = "previewer"
    """Shows a card of the link to people, who have not opened it."""
    PREFETCH = "prefetch"
    """A browser that guesses what its user will open next."""


def visitor_of(method: str, headers: Headers) -> Visitor:
    """Judged by method and header fields."""
    purpose = " ".join(headers.get(name, "") for name in _PURPOSES)
    if "prefetch" in purpose.lower() or "preview" in purpose.lower():
        return Visitor.PREFETCH
    if method == "HEAD" or _PREVIEWER.search(headers.get("User-Agent", "")):
        return Visitor.PREVIEWER
    return Visitor.PERSON


def is_phone(headers: Headers) -> bool:
    """The page is opened on the phone itself: there is no second screen to point a camera at."""
    hint = headers.get("Sec-CH-UA-Mobile")
    if hint is not None:
        return hint.strip() == "?1"
    return _PHONE.search(headers.get("User-Agent", "")) is not None
