"""Phone numbers from outside, as E.164. The one door to phonenumbers for the API."""

from __future__ import annotations

import phonenumbers

from storage.errors import InvalidPhone

LONGEST_PHONE = 40
"""Of any spelling, with spaces and hyphens."""


def normalise(text: str) -> str:
    """+62 812-3456-7890 becomes +6281234567890. Raises InvalidPhone."""
    if len(text) > LONGEST_PHONE or not text.startswith("+"):
        raise InvalidPhone("give the number with + and its country code, such as +6281234567890")
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise InvalidPhone("this is not a phone number; give one such as +6281234567890") from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidPhone("this number is too long or too short for its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
