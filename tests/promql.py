"""What a PromQL expression asks for, as far as our own rules and panels go: series, and labels to group by.

Rule: what this cannot read is an error, never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Series = tuple[str, Mapping[str, str]]

_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?")
_MATCHER = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"\s*(?:,|$)')
_WORDS = {"and", "or", "unless", "bool"}


@dataclass(frozen=True)
class Selector:
    """One metric and what its labels must be."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    counted: bool
    """Inside rate or increase: a series that is born at 1 goes unnoticed."""

    def takes(self, series: Series) -> bool:
        name, labels = series
        return name == self.name and all(_fits(labels.get(label), *test) for label, *test in self.matchers)

    def __str__(self) -> str:
        return (
            self.name + "{" + ", ".join(f'{label}{how}"{text}"' for label, how, text in self.matchers) + "}"
        )


def _fits(value: str | None, how: str, text: str) -> bool:
    if value is None:
        return False  # a label that nobody exports is a mistake, also where it must not be something
    matched = re.fullmatch(text, value) is not None if "~" in how else value == text
    return matched is not how.startswith("!")


def selectors(expression: str) -> Iterator[Selector]:
    """Every selector of an expression, from left to right."""
    plain = _GROUPING.sub(" ", expression)
    for match in _SELECTOR.finditer(plain):
        name, braces = match.groups()
        after, before = plain[match.end() :].lstrip(), plain[: match.start()]
        in_range = re.match(r"\w*\]", after) is not None or (before and before[-1].isdigit())
        if name in _WORDS or after.startswith("(") or in_range or before.rstrip().endswith("["):
            continue
        counted = (
            _RANGE.match(after) is not None and re.search(r"(rate|increase)\s*\(\s*$", before) is not None
        )
        yield Selector(name, tuple(_matchers(braces or "{}")), counted)


def _matchers(braces: str) -> Iterator[tuple[str, str, str]]:
    inside, at = braces[1:-1], 0
    while at < len(inside):
        match = _MATCHER.match(inside, at)
        assert match is not None, f"unreadable: {braces}"
        yield match[1], match[2], match[3]
        at = match.end()


def grouped_by(expression: str) -> set[str]:
    """Labels that aggregations and matchings name."""
    return {label.strip() for _, labels in _GROUPING.findall(expression) for label in labels.split(",")} - {
        ""
    }


def series_of(texts: Iterable[str]) -> list[Series]:
    """What was scraped."""
    return [
        (sample.name, sample.labels)
        for text in texts
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
