"""Errors shared by the functions and the pool. A docstring here is the sentence a person reads.

LinkpoolError
├── ConfigError            a process cannot start with this environment
├── Untrusted              a signed request that is not one of ours
├── BadMessage             a signed request whose body is not of the agreed form
├── RegistryError
│   ├── NotFound           no such record for this workspace
│   └── Conflict           the record is in a state that forbids this
└── PoolUnreachable        a node did not answer its control API
"""

from __future__ import annotations


class LinkpoolError(Exception):
    """Base of every error that linkpool raises on purpose."""


class ConfigError(LinkpoolError):
    """The environment lacks something or holds a wrong value; every problem is listed at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


class Untrusted(LinkpoolError):
    """The signature, its time or its nonce is wrong; nothing was read from the body."""


class BadMessage(LinkpoolError):
    """A message between node and functions names a field that is missing or of the wrong type."""


class RegistryError(LinkpoolError):
    """Base of errors of the registry."""


class NotFound(RegistryError):
    """There is no such record, or it belongs to another workspace."""


class Conflict(RegistryError):
    """The record is in a state that does not allow this; the message says what would."""


class PoolUnreachable(LinkpoolError):
    """A node did not answer its control API in time; its next heartbeat brings the same wish."""
