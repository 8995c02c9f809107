"""A phone number as a person types and reads it. Rule: what is wrong is said so that it can be mended."""

from __future__ import annotations

import phonenumbers

from functions.page_texts import PageTexts
from functions.phone_numbers import normalise
from storage.errors import InvalidPhone


class FieldWrong(ValueError):
    """What was typed is no phone number; the message is for the person, in their language."""


def read_phone(typed: str, texts: PageTexts) -> str:
    """The number as E.164. Raises FieldWrong."""
    text = typed.strip()
    if not text:
        raise FieldWrong(texts.phone_missing)
    if text.startswith("00"):
        text = "+" + text[2:]
    if not text.startswith("+"):
        raise FieldWrong(texts.phone_without_country)
    try:
        return normalise(text)
    except InvalidPhone as error:
        raise FieldWrong(texts.phone_wrong) from error


def spaced(phone_number: str | None) -> str | None:
    """+6281234567890 as it is written for foreigners: +62 812-3456-7890."""
    if phone_number is None:
        return None
    try:
        number = phonenumbers.parse(phone_number)
    except phonenumbers.NumberParseException:
        return phone_number
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
