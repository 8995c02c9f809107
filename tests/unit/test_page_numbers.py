"""Numbers, plural forms and spans of time as each language writes them."""

from datetime import timedelta
from string import Formatter

import pytest

from functions.page_language import CATALOGUE
from functions.page_numbers import PluralForm


@pytest.mark.parametrize("locale", CATALOGUE)
def test_language_has_exactly_the_forms_that_its_rule_asks_for(locale: str) -> None:
    numbers = CATALOGUE[locale].numbers
    asked = {numbers.plural(n) for n in range(1000)}
    for words in (numbers.seconds, numbers.minutes):
        assert set(words) == asked
        for text in words.values():
            assert {name for _, name, _, _ in Formatter().parse(text) if name} <= {"n"}


@pytest.mark.parametrize(
    ("locale", "forms"),
    [
        ("en", {0: "other", 1: "one", 2: "other", 11: "other", 100: "other"}),
        ("id", {0: "other", 1: "other", 5: "other"}),
        ("pt", {0: "one", 1: "one", 2: "other"}),
        ("es", {0: "other", 1: "one", 2: "other"}),
        ("hi", {0: "one", 1: "one", 2: "other"}),
        (
            "ar",
            {0: "zero", 1: "one", 2: "two", 3: "few", 10: "few", 11: "many", 99: "many"}
            | {100: "other", 102: "other", 103: "few", 111: "many", 200: "other"},
        ),
    ],
)
def test_plural_forms_are_those_of_cldr(locale: str, forms: dict[int, str]) -> None:
    rule = CATALOGUE[locale].numbers.plural
    assert {n: rule(n) for n in forms} == {n: PluralForm(form) for n, form in forms.items()}


@pytest.mark.parametrize(
    ("locale", "seconds", "text"),
    [
        ("en", 0.2, "1 second"),
        ("en", 8.1, "9 seconds"),
        ("en", 11, "15 seconds"),
        ("en", 56, "1 minute"),
        ("en", 61, "2 minutes"),
        ("en", 3600 * 20, "1,200 minutes"),
        ("id", 9, "9 detik"),
        ("pt", 1, "1 segundo"),
        ("pt", 60, "1 minuto"),
        ("es", 120, "2 minutos"),
        ("hi", 3, "3 सेकंड"),
        ("ar", 1, "ثانية واحدة"),
        ("ar", 2, "ثانيتين"),
        ("ar", 9, "٩ ثوانٍ"),
        ("ar", 15, "١٥ ثانية"),  # noqa: RUF001
        ("ar", 120, "دقيقتين"),
    ],
)
def test_span_is_said_in_words(locale: str, seconds: float, text: str) -> None:
    assert CATALOGUE[locale].numbers.about(timedelta(seconds=seconds)) == text


def test_countdown_is_a_clock_in_the_digits_of_the_language() -> None:
    left = timedelta(seconds=161.2)
    assert CATALOGUE["en"].numbers.countdown(left) == "2:42"
    assert CATALOGUE["hi"].numbers.countdown(left) == "2:42"
    assert CATALOGUE["ar"].numbers.countdown(left) == "٢:٤٢"


@pytest.mark.parametrize(
    ("locale", "text"),
    [("en", "1,204"), ("id", "1.204"), ("pt", "1.204"), ("hi", "1,204"), ("ar", "١٬٢٠٤")],  # noqa: RUF001
)
def test_thousands_are_grouped(locale: str, text: str) -> None:
    assert CATALOGUE[locale].numbers.whole(1204) == text
