"""The chats that a page tells of, read into the form in which they travel.

Rule: a page is nobody's word. What has no id is left out, what is too long is cut, and nothing is logged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from browser_pool.errors import PageBroken
from storage.chats import LARGEST_UNREAD, LONGEST_ID, LONGEST_NAME, MAX_CHATS, Chat

_GROUP = "@g.us"
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, kw_only=True)
class ChatList:
    """What a page has at this moment."""

    synced: bool
    """False while WhatsApp is still sending them: after a fresh link, for some seconds."""
    chats: list[Chat]


class TooManyChats(PageBroken):
    """The account has more chats than are read at once."""


def parse_chats(said: object) -> ChatList:
    """Read what `chats` in whatsapp.js gives. Raises PageBroken, TooManyChats."""
    try:
        raw = json.loads(said) if isinstance(said, str) else None
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict) or not isinstance(raw.get("chats"), list):
        raise PageBroken("chats: the page gave no list of chats")
    if len(raw["chats"]) > MAX_CHATS:
        raise TooManyChats(f"the account has {len(raw['chats'])} chats; at most {MAX_CHATS} are read")
    chats = [chat for chat in map(_chat, raw["chats"]) if chat is not None]
    return ChatList(synced=raw.get("synced") is True, chats=chats)


def _chat(raw: object) -> Chat | None:
    if not isinstance(raw, Mapping):
        return None
    id_, name = raw.get("id"), raw.get("name")
    id_ = _storable(id_) if isinstance(id_, str) else ""
    if not 0 < len(id_) <= LONGEST_ID:
        return None
    return Chat(
        id=id_,
        name=_storable(name[:LONGEST_NAME]) or None if isinstance(name, str) else None,
        unread_count=_unread(raw),
        last_message_at=_moment(raw.get("t")),
        is_group=raw.get("is_group") is True or id_.endswith(_GROUP),
    )


def _storable(text: str) -> str:
    """Names are cut inside of emoji by the page and by us; half a character can be sent nowhere."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


def _unread(raw: Mapping[str, Any]) -> int:
    """WhatsApp says -1 of a chat that somebody marked as unread: no message in it is."""
    value = raw.get("unread_count")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return min(LARGEST_UNREAD, max(0, round(value)))


def _moment(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)
