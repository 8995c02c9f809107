"""One JSON object of ours, read field by field.

Rule: a field of another type is refused by its name, never by its value: what we read may be secret.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard

from storage.clock import from_wire


class Fields:
    """Takes typed values out of one object. Every method raises ValueError naming the field."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{where} is no object")
        self._value: Mapping[str, Any] = value
        self._where = where

    @classmethod
    def parse(cls, raw: bytes, where: str) -> Fields:
        """Read the text of one object."""
        try:
            value = json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
            return cls(value, where)
        except RecursionError as error:
            raise ValueError(f"{where} is nested too deeply") from error

    def _refuse(self, name: str, wanted: str) -> ValueError:
        return ValueError(f"{self._where}.{name} is not {wanted}")

    def text(self, name: str, form: re.Pattern[str] | None = None) -> str:
        value = self._value.get(name)
        if not isinstance(value, str) or (form is not None and not form.fullmatch(value)):
            raise self._refuse(name, "a text of the agreed form")
        return value

    def text_or_none(self, name: str) -> str | None:
        return None if self._value.get(name) is None else self.text(name)

    def number(self, name: str) -> int:
        value = self._value.get(name)
        if not is_count(value):
            raise self._refuse(name, "a whole number from 0 on")
        return value

    def moment(self, name: str) -> datetime:
        try:
            return from_wire(self.text(name))
        except ValueError as error:
            raise self._refuse(name, "an RFC 3339 time") from error

    def mapping(self, name: str) -> dict[str, Any]:
        value = self._value.get(name)
        if not isinstance(value, dict):
            raise self._refuse(name, "an object")
        return value

    def fields(self, name: str) -> Fields:
        return Fields(self._value.get(name), f"{self._where}.{name}")

    def items(self, name: str) -> list[Any]:
        value = self._value.get(name)
        if not isinstance(value, list):
            raise self._refuse(name, "a list")
        return value

    def rows(self, name: str, *types: type) -> list[list[Any]]:
        """A list of lists, each with values of exactly these types; numbers from 0 on."""
        rows = self.items(name)
        for row in rows:
            if not isinstance(row, list) or [type(value) for value in row] != list(types):
                raise self._refuse(name, "a list of rows of the agreed types")
            if any(type(value) is int and value < 0 for value in row):
                raise self._refuse(name, "free of negative numbers")
        return rows


def is_count(value: object) -> TypeGuard[int]:
    """A whole number from 0 on; True is none."""
    return type(value) is int and value >= 0


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    """1e999 reads as infinity, which cannot be written again: a fuzzer found it in a head's record."""
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is larger than any")
    return value
