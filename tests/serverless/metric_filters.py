"""CloudWatch's metric filters over JSON lines, as far as deploy/serverless/alarms.yml uses them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
Rule: a pattern with anything else in it is refused, not guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ALARMS = Path(__file__).parents[2] / "deploy" / "serverless" / "alarms.yml"

_TERM = re.compile(r'\$\.(\w+) (=|!=|>=|>) (?:"(\w+)"|(\d+))')
_TOKEN = re.compile(rf"\s*({_TERM.pattern}|&&|\|\||\(|\))")


def resources() -> dict[str, dict[str, Any]]:
    """Of alarms.yml, with `!Ref Name` read as `Name`."""

    class Loader(yaml.SafeLoader):
        """Knows CloudFormation's tags."""

    Loader.add_multi_constructor("!", lambda loader, _, node: loader.construct_scalar(node))
    read: dict[str, dict[str, Any]] = yaml.load(ALARMS.read_text(encoding="utf-8"), Loader)["Resources"]  # noqa: S506
    return read


def filters() -> dict[str, dict[str, Any]]:
    return {
        name: one["Properties"]
        for name, one in resources().items()
        if one["Type"] == "AWS::Logs::MetricFilter"
    }


def json_lines(text: str) -> Iterator[dict[str, Any]]:
    """Of a log, in which others write as well."""
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def values(properties: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> list[float]:
    """What CloudWatch would write down of these lines."""
    (transformation,) = properties["MetricTransformations"]
    wanted = transformation["MetricValue"]
    found = []
    for line in lines:
        if matches(properties["FilterPattern"], line):
            value = line[wanted[2:]] if wanted.startswith("$.") else float(wanted)
            assert isinstance(value, int | float), f"{wanted} is {value!r}: CloudWatch writes nothing down"
            found.append(float(value))
    return found


def matches(pattern: str, line: Mapping[str, Any]) -> bool:
    """Whether a line is counted."""
    inside = re.fullmatch(r"\{ (.+) \}", pattern)
    assert inside is not None, pattern
    tokens, rest = [], inside[1]
    while rest:
        token = _TOKEN.match(rest)
        assert token is not None, f"not understood: {rest}"
        tokens.append(token[1])
        rest = rest[token.end() :]
    value, left = _any(tokens, line)
    assert not left, f"not understood: {left}"
    return value


def _any(tokens: list[str], line: Mapping[str, Any]) -> tuple[bool, list[str]]:
    value, tokens = _all(tokens, line)
    while tokens and tokens[0] == "||":
        other, tokens = _all(tokens[1:], line)
        value = value or other
    return value, tokens


def _all(tokens: list[str], line: Mapping[str, Any]) -> tuple[bool, list[str]]:
    value, tokens = _one(tokens, line)
    while tokens and tokens[0] == "&&":
        other, tokens = _one(tokens[1:], line)
        value = value and other
    return value, tokens


def _one(tokens: list[str], line: Mapping[str, Any]) -> tuple[bool, list[str]]:
    if tokens[0] == "(":
        value, left = _any(tokens[1:], line)
        assert left[:1] == [")"]
        return value, left[1:]
    term = _TERM.fullmatch(tokens[0])
    assert term is not None, tokens[0]
    name, operator, text, number = term.groups()
    has = line.get(name)
    if text is not None:
        assert operator in ("=", "!="), tokens[0]
        return (has == text) is (operator == "="), tokens[1:]
    if not isinstance(has, int | float) or isinstance(has, bool):
        return False, tokens[1:]
    return (has >= int(number) if operator == ">=" else has > int(number)), tokens[1:]
