"""Query parameters and cursors of the lists."""

from __future__ import annotations

import base64
import binascii
from typing import NoReturn

from flask import request

from functions.problems import FieldError, Problem

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


def refuse(field: str, message: str) -> NoReturn:
    """A query parameter is wrong. Raises Problem."""
    raise Problem(422, "invalid_request", f"{field}: {message}", [FieldError(field=field, message=message)])


def check_parameters(*known: str) -> None:
    """A filter that is misspelled would give everything; so it is refused. Raises Problem."""
    for name in request.args:
        if name not in known:
            refuse(name[:60], f"there is no such parameter; known are {', '.join(known)}")
        if len(request.args.getlist(name)) > 1:
            refuse(name, "give it once")
        if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in request.args[name]):
            refuse(name, "holds control characters")


def read_limit() -> int:
    """How many rows to give. Raises Problem."""
    text = request.args.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        refuse("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def to_cursor(position: str) -> str:
    """Opaque on purpose: the order may change, a cursor's meaning not."""
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def read_cursor() -> str | None:
    """What `to_cursor` was given. Raises Problem."""
    text = request.args.get("cursor")
    if text is None:
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        refuse("cursor", "take it from next_cursor of the page before")
