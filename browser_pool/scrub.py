"""Makes what a page said fit for an operator's eyes: no ref, code, key, number or query of an address.

Rule: what might be a secret is left out. A diagnosis that says less is better than one that cannot be sent.
"""

from __future__ import annotations

import re

LONGEST = 300
"""The beginning of an error says what it is."""
_QUERY = re.compile(r"(https?://[^\s?#\"']+)[?#][^\s\"']*")
_NUMBER = re.compile(r"\+?\d[\d .()-]{4,}\d")
_CODE = re.compile(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b")
_OPAQUE = re.compile(r"[A-Za-z0-9+/=_@,-]{24,}")


def scrubbed(text: str) -> str:
    """The text without what might be a secret."""
    text = _QUERY.sub(r"\1?[…]", text[: LONGEST * 4])
    text = _OPAQUE.sub(_unless_words, text)
    text = _CODE.sub("[code]", text)
    text = _NUMBER.sub("[number]", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _unless_words(match: re.Match[str]) -> str:
    """A long run that is one of camel-cased words, such as a module's name, is no key."""
    found = match[0]
    return found if re.fullmatch(r"[A-Za-z]{0,6}(?:[A-Z][a-z]{2,}){2,}[A-Z]{0,3}", found) else "[…]"
