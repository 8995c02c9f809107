"""Whether two phone numbers are one WhatsApp account.

Rule: three countries write their mobile numbers in two ways, and WhatsApp keeps the one under which the
account was made; everywhere else a number is what it says.
"""

from __future__ import annotations

import re

_SPELLINGS = (
    # Brazil put a 9 before mobile numbers in 2012 to 2016; accounts from before lack it
    (re.compile(r"\+55(\d\d)9(\d{8})"), r"+55\1\2"),
    # Mexico dropped the 1 after its country code in 2019
    (re.compile(r"\+521(\d{10})"), r"+52\1"),
    # Argentina writes a 9 for calls from abroad only
    (re.compile(r"\+549(\d{10})"), r"+54\1"),
)


def same_account(one: str, other: str) -> bool:
    """Both E.164."""
    return _plain(one) == _plain(other)


def _plain(phone_number: str) -> str:
    for pattern, shorter in _SPELLINGS:
        if match := pattern.fullmatch(phone_number):
            return match.expand(shorter)
    return phone_number
