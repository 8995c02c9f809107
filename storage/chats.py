"""The chats that a sync found: the form in which they travel, and the table that keeps the last sync.

Rule: a sync replaces everything an earlier one found, in one transaction. Names of chats are in no log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.clock import from_wire, to_wire
from storage.database import Database
from storage.errors import BadMessage

MAX_CHATS = 20_000
"""Four times the largest account that was thought of; 20,000 chats are 3 MB on their way."""
LONGEST_ID = 100
LONGEST_NAME = 200
LARGEST_UNREAD = 2**31


@dataclass(frozen=True, kw_only=True)
class Chat:
    """One chat of a linked account."""

    id: str
    """As WhatsApp Web writes it: 628…@c.us, …@lid, …@g.us for a group."""
    name: str | None
    unread_count: int
    last_message_at: datetime | None
    is_group: bool

    def to_wire(self) -> dict[str, Any]:
        """One element of `chats`, of the control API as of the HTTP API."""
        return {
            "id": self.id,
            "name": self.name,
            "unread_count": self.unread_count,
            "last_message_at": None if self.last_message_at is None else to_wire(self.last_message_at),
            "is_group": self.is_group,
        }

    @classmethod
    def from_wire(cls, raw: object) -> Chat:
        """Raises BadMessage naming the field, never its value."""
        if not isinstance(raw, dict):
            raise BadMessage("a chat is a JSON object")
        id_, name, unread = raw.get("id"), raw.get("name"), raw.get("unread_count")
        if not isinstance(id_, str) or not 0 < len(id_) <= LONGEST_ID:
            raise BadMessage(f"field 'id' of a chat must have 1 to {LONGEST_ID} characters")
        if name is not None and (not isinstance(name, str) or len(name) > LONGEST_NAME):
            raise BadMessage(f"field 'name' of a chat must have at most {LONGEST_NAME} characters or be null")
        if not isinstance(unread, int) or isinstance(unread, bool) or not 0 <= unread <= LARGEST_UNREAD:
            raise BadMessage(f"field 'unread_count' of a chat must be from 0 to {LARGEST_UNREAD}")
        if not isinstance(raw.get("is_group"), bool):
            raise BadMessage("field 'is_group' of a chat must be true or false")
        last = raw.get("last_message_at")
        try:
            last_message_at = None if last is None else from_wire(last)
        except (TypeError, ValueError) as error:
            raise BadMessage("field 'last_message_at' of a chat must be an RFC 3339 time or null") from error
        return cls(
            id=id_,
            name=name,
            unread_count=unread,
            last_message_at=last_message_at,
            is_group=raw["is_group"],
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Chat:
        return cls(
            id=row["id"],
            name=row["name"],
            unread_count=row["unread_count"],
            last_message_at=None if row["last_message_at"] is None else from_wire(row["last_message_at"]),
            is_group=bool(row["is_group"]),
        )


def read_chats(raw: object) -> list[Chat]:
    """A node's list of chats. Raises BadMessage."""
    if not isinstance(raw, list) or len(raw) > MAX_CHATS:
        raise BadMessage(f"field 'chats' must be a list of at most {MAX_CHATS} chats")
    return [Chat.from_wire(element) for element in raw]


def newest_first(chats: Sequence[Chat]) -> list[Chat]:
    """The order in which they are kept: as a phone shows them, those without a message last."""
    return sorted(chats, key=lambda chat: (_age(chat), chat.id))


def _age(chat: Chat) -> float:
    return 0.0 if chat.last_message_at is None else -chat.last_message_at.timestamp()


class ChatTable:
    """The chats of every session's last sync."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, session_id: str, chats: Sequence[Chat]) -> None:
        """Keep these and nothing else; inside the transaction that says so in the session."""
        self.forget(session_id)
        rows = [chat.to_wire() for chat in newest_first(chats)]
        document = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
        self._database.run("insert_chats", session_id=session_id, chats=document)

    def forget(self, session_id: str) -> None:
        """Keep none."""
        self._database.run("delete_chats", session_id=session_id)

    def page(self, session_id: str, *, first: int, limit: int) -> list[Chat]:
        """Chats from this place on."""
        rows = self._database.all("chats_of_session", session_id=session_id, first=first, limit=limit)
        return [Chat.from_row(row) for row in rows]
