"""A phone number as a person types and reads it. Rule: what is wrong is said so that it can be mended."""

from __future__ import annotations

from collections.abc import Iterable

import phonenumbers

from functions.page_texts import PageTexts
from functions.phone_numbers import normalise
from storage.errors import InvalidPhone


class FieldWrong(ValueError):
    """What was typed is no phone number; the message is for the person, in their language."""


_LONGEST = 40


def read_phone(typed: str, texts: PageTexts, country: str = "") -> str:
    """The number as E.164. `country` is of the list beside the field, or empty. Raises FieldWrong."""
    text = typed.strip()
    if not text:
        raise FieldWrong(texts.phone_missing)
    if text.startswith("00"):
        text = "+" + text[2:]
    if not text.startswith("+"):
        text = _with_country(text, country, texts)
    try:
        return normalise(text)
    except InvalidPhone as error:
        raise FieldWrong(texts.phone_wrong) from error


def _with_country(text: str, country: str, texts: PageTexts) -> str:
    """0812 3456 7890 in Indonesia is +6281234567890."""
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise FieldWrong(texts.phone_without_country)
    try:
        number = phonenumbers.parse(text[:_LONGEST], country)
    except phonenumbers.NumberParseException as error:
        raise FieldWrong(texts.phone_wrong) from error
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def country_codes() -> str:
    """Every country and its code, in as few bytes as a script can read: `1US CA …;7RU KZ;…`."""
    return ";".join(
        f"{code}{' '.join(region for region in regions if len(region) == 2)}"
        for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
        if any(len(region) == 2 for region in regions)
    )


def likely_country(locales: Iterable[str | None]) -> str:
    """The first of these that names a country (`pt-BR`), or has one where most of its speakers live."""
    for locale in locales:
        parts = (locale or "").replace("_", "-").split("-")
        region = next((part.upper() for part in parts[1:] if len(part) == 2), _MOST.get(parts[0].lower()))
        if region in phonenumbers.SUPPORTED_REGIONS:
            return region
    return ""


_MOST = {"id": "ID", "pt": "BR", "hi": "IN"}
"""English, Spanish and Arabic are spoken in too many for a guess that helps."""


def spaced(phone_number: str | None) -> str | None:
    """+6281234567890 as it is written for foreigners: +62 812-3456-7890."""
    if phone_number is None:
        return None
    try:
        number = phonenumbers.parse(phone_number)
    except phonenumbers.NumberParseException:
        return phone_number
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
