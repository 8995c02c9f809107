"""Ids: ULIDs, which sort by the time they were made. Upper case, 26 characters of Crockford's base 32."""

from __future__ import annotations

import re
from datetime import datetime

from ulid import ULID

ID_FORM = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new_id(now: datetime) -> str:
    """A new id that sorts after those of earlier milliseconds."""
    return str(ULID.from_datetime(now))


def is_id(text: str) -> bool:
    """Whether this can be an id at all."""
    return ID_FORM.fullmatch(text) is not None


def first_id_at(moment: datetime) -> str:
    """Not an id of anything: every id made at this moment or later sorts at or after it."""
    return new_id(moment)[:10] + "0" * 16
