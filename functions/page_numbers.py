"""How a language writes numbers, and says how long something takes.

Rule: whole numbers below a million, which is all that the page counts. The plural forms are those of
Unicode's CLDR for such numbers; a test holds that a language has exactly the forms that its rule can ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from math import ceil

LATIN_DIGITS = "0123456789"
ARABIC_DIGITS = "٠١٢٣٤٥٦٧٨٩"

ARABIC_WITH_LATIN_DIGITS = frozenset({"AE", "DZ", "EH", "LY", "MA", "TN"})
"""Regions that write Arabic with the digits of the Latin script, after CLDR."""

FINE_UNTIL_SECONDS = 10
"""Up to here every second is said; above it an estimate that jumps by one only makes the reader restless."""
COARSE_SECONDS = 5


class PluralForm(StrEnum):
    """CLDR's names for the forms of a counted word."""

    ZERO = "zero"
    ONE = "one"
    TWO = "two"
    FEW = "few"
    MANY = "many"
    OTHER = "other"


PluralRule = Callable[[int], PluralForm]
Counted = Mapping[PluralForm, str]
"""A counted word in each of its forms; {n} is the number."""


def no_plural(_: int) -> PluralForm:
    """Indonesian: one form for every number."""
    return PluralForm.OTHER


def one_or_more(n: int) -> PluralForm:
    """English, Spanish."""
    return PluralForm.ONE if n == 1 else PluralForm.OTHER


def up_to_one_or_more(n: int) -> PluralForm:
    """Portuguese, Hindi: nothing is counted like one."""
    return PluralForm.ONE if n <= 1 else PluralForm.OTHER


def arabic(n: int) -> PluralForm:
    """Six forms: a dual, and the last two digits decide above it."""
    if n <= 2:
        return (PluralForm.ZERO, PluralForm.ONE, PluralForm.TWO)[n]
    if 3 <= n % 100 <= 10:
        return PluralForm.FEW
    return PluralForm.MANY if n % 100 >= 11 else PluralForm.OTHER


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of one language."""

    plural: PluralRule
    group: str
    """Stands between the thousands."""
    seconds: Counted
    minutes: Counted
    digits: str = LATIN_DIGITS

    def whole(self, number: int) -> str:
        """1204 as the language writes it."""
        return self._own(f"{number:,}".replace(",", self.group))

    def countdown(self, left: timedelta) -> str:
        """As a clock that runs down shows it: 0:42."""
        minutes, seconds = divmod(ceil(left.total_seconds()), 60)
        return self._own(f"{minutes}:{seconds:02d}")

    def about(self, span: timedelta) -> str:
        """A span in words, rounded up as much as an estimate deserves."""
        seconds = max(1, ceil(span.total_seconds()))
        if seconds > FINE_UNTIL_SECONDS:
            seconds = ceil(seconds / COARSE_SECONDS) * COARSE_SECONDS
        if seconds < 60:
            return self._counted(self.seconds, seconds)
        return self._counted(self.minutes, ceil(seconds / 60))

    def in_region(self, region: str) -> Numbers:
        """As a region of the language writes them."""
        if self.digits == ARABIC_DIGITS and region in ARABIC_WITH_LATIN_DIGITS:
            return replace(self, digits=LATIN_DIGITS, group=".")
        return self

    def _counted(self, words: Counted, number: int) -> str:
        return words[self.plural(number)].format(n=self.whole(number))

    def _own(self, text: str) -> str:
        return text.translate(str.maketrans(LATIN_DIGITS, self.digits))
