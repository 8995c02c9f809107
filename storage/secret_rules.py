"""What a shared secret has to be, and how two of them stand in one setting while one replaces the other.

Rule: of several, separated by commas, the first signs and all verify. Each of them has to be a good one.
"""

from __future__ import annotations

import re

LEAST_LENGTH = 32
"""A random secret of 32 hex digits carries 128 bits; shorter ones are guesses waiting."""

MOST_SECRETS = 3
"""The one in use and the one that comes or goes; a third for a rotation in the middle of another."""

_LEAST_DIFFERENT = 8
"""32 random hex digits have more different ones in all but one of ten million cases."""

_EXAMPLE = re.compile(
    r"change.?me|change.?this|change.?it|example|placeholder|replace.?me|your.?secret|your.?key|insert|"
    r"^change|^secret|^password|^test|^dummy|^xxx|^<.*>$|\$\{",
    re.IGNORECASE,
)
"""What stands in examples where a secret belongs."""

_FIX = "make one with: openssl rand -hex 32"


def split_secrets(text: str) -> tuple[str, ...]:
    """The secrets of a setting, the one that signs first; one that is empty when there is none."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) or ("",)


def problems_of(name: str, text: str) -> list[str]:
    """What is wrong with a setting that holds secrets, one sentence each, none of which tells a secret."""
    secrets = split_secrets(text)
    if secrets == ("",):
        return [f"{name} is missing; {_FIX}"]
    if len(secrets) > MOST_SECRETS:
        return [f"{name} holds {len(secrets)} secrets; give at most {MOST_SECRETS}, with commas between"]
    if len(set(secrets)) < len(secrets):
        return [f"{name} holds one secret twice; leave one out"]
    problems = (
        _problem(name if len(secrets) == 1 else f"{name} (secret {number} of {len(secrets)})", secret)
        for number, secret in enumerate(secrets, start=1)
    )
    return [problem for problem in problems if problem is not None]


def _problem(what: str, secret: str) -> str | None:
    if _EXAMPLE.search(secret) or len(set(secret)) < _LEAST_DIFFERENT:
        return f"{what} is an example, not a secret; {_FIX}"
    if len(secret) < LEAST_LENGTH:
        return f"{what} must have at least {LEAST_LENGTH} characters, it has {len(secret)}; {_FIX}"
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        return f"{what} must be printable ASCII without spaces, because it travels in a header; {_FIX}"
    return None
