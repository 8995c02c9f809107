"""NUMBERS_KEY and NUMBERS_KEY_OLD: with which keys the registry's numbers are sealed and opened.

Rule: the first seals, all open. Without NUMBERS_KEY nothing new is sealed; what was sealed is still read with
the keys of NUMBERS_KEY_OLD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.errors import ConfigError
from storage.secret_key import read_key

MOST_OLD = 4
"""One is the rule; more are left from rotations that nobody ended."""
_ADVICE = "make one with `openssl rand -base64 32` and keep a copy where no copy of the registry is"


@dataclass(frozen=True, kw_only=True)
class NumberKeys:
    """What a process was given."""

    sealing: bytes | None = field(default=None, repr=False)
    """NUMBERS_KEY: seals, and opens."""
    opening: tuple[bytes, ...] = field(default=(), repr=False)
    """NUMBERS_KEY_OLD, with commas between several: open what they sealed, or what others begin to seal."""

    def __bool__(self) -> bool:
        return self.sealing is not None or bool(self.opening)

    @classmethod
    def from_env(cls, environ: Mapping[str, str], problems: list[str]) -> NumberKeys:
        """None of both is no encryption. What is wrong is added to `problems`."""
        text = environ.get("NUMBERS_KEY", "").strip()
        others = [part.strip() for part in environ.get("NUMBERS_KEY_OLD", "").split(",") if part.strip()]
        if len(others) > MOST_OLD:
            problems.append(f"NUMBERS_KEY_OLD holds {len(others)} keys; give at most {MOST_OLD}")
            return cls()
        sealing = _read("NUMBERS_KEY", text, problems) if text else None
        opening = [_read("NUMBERS_KEY_OLD", other, problems) for other in others]
        return cls(sealing=sealing, opening=tuple(key for key in opening if key not in (None, sealing)))


def _read(name: str, text: str, problems: list[str]) -> bytes | None:
    try:
        return read_key(name, text, _ADVICE)
    except ConfigError as error:
        problems += error.problems
        return None
