"""What a phone number owns, made from the number alone: it has the same LID and the same chats for ever."""

import hashlib
import random
import time
from typing import Any

NAMES = (
    "Ayu", "Budi", "Carlos", "Deepa", "Emeka", "Fatima", "Gustavo", "Hana", "Ibrahim", "Joana", "Kofi",
    "Lakshmi", "Mateus", "Nadia", "Omar", "Putri", "Quentin", "Rina", "Siti", "Tiago", "Uma", "Vikram",
)  # fmt: skip
GROUPS = ("Family", "Football on Sunday", "Warehouse", "Class of 2009", "Neighbours", "Deliveries", "Team")
LAST_LINES = (
    "Thanks!",
    "See you tomorrow",
    "Photo",
    "Can you send the invoice?",
    "On my way",
    "Call me later",
)


class BadNumber(ValueError):
    """Not a phone number: 8 to 15 digits, a leading + allowed."""


def digits(phone_number: object) -> str:
    text = str(phone_number or "").strip().removeprefix("+")
    if not (text.isascii() and text.isdigit() and 8 <= len(text) <= 15):
        raise BadNumber(f"phone_number {phone_number!r}: 8 to 15 digits expected")
    return text


def lid_of(number: str) -> str:
    """The hidden id of an account: 15 digits that say nothing about its number."""
    return str(10**14 + int.from_bytes(hashlib.sha256(f"lid:{number}".encode()).digest()[:8]) % (9 * 10**14))


def pushname_of(number: str) -> str:
    return NAMES[int(number) % len(NAMES)]


def chats_of(number: str, count: int) -> list[dict[str, Any]]:
    """The chat list, newest first. Every fifth is a group."""
    chance = random.Random(f"chats:{number}")
    now = int(time.time())
    chats = []
    for place in range(count):
        is_group = place % 5 == 4
        other = str(chance.randrange(10**11, 10**12))
        name = f"{chance.choice(GROUPS)} {place}" if is_group else f"{chance.choice(NAMES)} {other[-3:]}"
        chats.append(
            {
                "id": f"{120363 * 10**12 + int(other)}@g.us" if is_group else f"{other}@c.us",
                "name": name,
                "unreadCount": chance.choice((0, 0, 0, 1, 3, 12)),
                "t": now - place * 1_800 - chance.randrange(900),
                "archive": place % 17 == 16,
                "pin": 0,
                "participants": [number, other] if is_group else [],
                "lastLine": chance.choice(LAST_LINES),
            }
        )
    return chats
