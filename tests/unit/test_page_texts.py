"""Every language of the page says all that English says, with the same names in its sentences."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from string import Formatter
from typing import Any

import pytest

from functions.link_view import Screen
from functions.page_language import CATALOGUE
from functions.page_numbers import Numbers
from functions.page_texts import PageTexts
from functions.phone_field import read_phone
from functions.session_requests import LOCALES
from storage.models import Phase, ReasonCode

ENGLISH = CATALOGUE["en"]
OTHERS = [texts for locale, texts in CATALOGUE.items() if locale != "en"]
OWN = {"locale", "name", "direction", "numbers"}
"""What describes a language instead of saying something in it."""


def said(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the path to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Numbers):
        return
    elif is_dataclass(value):
        for field in fields(value):
            if path or field.name not in OWN:
                yield from said(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from said(item, f"{path}[{key}]")
    elif isinstance(value, tuple):
        for place, item in enumerate(value):
            yield from said(item, f"{path}[{place}]")
    else:
        raise TypeError(f"{path}: {value!r} is nothing that can be said")


def names_in(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def test_six_languages_are_spoken() -> None:
    assert list(CATALOGUE) == ["en", "id", "pt", "es", "hi", "ar"]
    assert [texts.locale for texts in CATALOGUE.values()] == list(CATALOGUE)
    assert sorted(LOCALES) == sorted(CATALOGUE), "a session's locale must be one that the page speaks"


def test_english_says_something_for_every_screen_phase_and_reason() -> None:
    assert set(ENGLISH.screens) == set(Screen)
    assert set(ENGLISH.phases) == set(Phase)
    assert set(ENGLISH.reasons) == set(ReasonCode)


@pytest.mark.parametrize("texts", OTHERS, ids=lambda texts: texts.locale)
def test_language_has_every_text_of_english_and_no_other(texts: PageTexts) -> None:
    assert dict(said(texts)).keys() == dict(said(ENGLISH)).keys()


@pytest.mark.parametrize("texts", OTHERS, ids=lambda texts: texts.locale)
def test_language_has_the_same_names_in_each_text(texts: PageTexts) -> None:
    theirs, ours = dict(said(texts)), dict(said(ENGLISH))
    assert {path: names_in(text) for path, text in theirs.items()} == {
        path: names_in(text) for path, text in ours.items()
    }


@pytest.mark.parametrize("texts", OTHERS, ids=lambda texts: texts.locale)
def test_nothing_was_left_in_english(texts: PageTexts) -> None:
    theirs, ours = dict(said(texts)), dict(said(ENGLISH))
    assert [path for path, text in theirs.items() if text and text == ours[path]] == []


@pytest.mark.parametrize("texts", CATALOGUE.values(), ids=CATALOGUE)
def test_no_text_is_empty_where_english_has_one_or_ends_in_a_space(texts: PageTexts) -> None:
    ours = dict(said(ENGLISH))
    for path, text in said(texts):
        assert bool(text) == bool(ours[path]), path
        assert text == text.strip(), path
        assert "  " not in text, path


@pytest.mark.parametrize("texts", CATALOGUE.values(), ids=CATALOGUE)
def test_steps_name_the_menu_as_whatsapp_does(texts: PageTexts) -> None:
    menu = {
        "en": "Linked devices",
        "id": "Perangkat tertaut",
        "pt": "Aparelhos conectados",
        "es": "Dispositivos vinculados",
        "hi": "लिंक किए गए डिवाइस",
        "ar": "الأجهزة المرتبطة",
    }[texts.locale]
    assert any(menu in step for step in texts.scan_steps)
    assert any(menu in step for step in texts.code_steps)
    assert menu in texts.remove_later


@pytest.mark.parametrize("texts", CATALOGUE.values(), ids=CATALOGUE)
def test_example_of_a_number_is_one_that_the_page_would_take(texts: PageTexts) -> None:
    assert read_phone(texts.pairing_example, texts).startswith("+")
    assert texts.pairing_example in texts.phone_without_country
