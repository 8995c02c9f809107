"""Errors shared by the functions and the pool. A docstring here is the sentence a person reads.

LinkpoolError
├── ConfigError            a process cannot start with this environment
├── Untrusted              a signed request that is not one of ours
├── BadMessage             a signed request whose body is not of the agreed form
├── RegistryError
│   ├── RegistryUnavailable the database server does not answer
│   ├── NumbersSealed      this process lacks the key of what it reads
│   ├── NotFound           no such record for this workspace
│   └── Conflict           the record is in a state that forbids this
│       └── QuotaExceeded  the workspace has as many as it may have
├── InvalidPhone           a text that is no phone number
├── PoolUnreachable        a node did not answer its control API
└── PoolRefused            a node answered its control API with a problem
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


class RegistryUnavailable(RegistryError):
    """The registry's server is away or restarting; nothing was written, try again in a moment."""


class NumbersSealed(RegistryError):
    """Numbers of the registry are sealed with a key that this process was not given."""


class NotFound(RegistryError):
    """There is no such record, or it belongs to another workspace."""


class Conflict(RegistryError):
    """The record is in a state that does not allow this; the message says what would."""

    def __init__(self, message: str, code: str = "conflict") -> None:
        super().__init__(message)
        self.code = code


class QuotaExceeded(Conflict):
    """The workspace has as many sessions, starts or links as its operator allows."""

    def __init__(self, message: str, code: str, *, passes: bool) -> None:
        super().__init__(message, code)
        self.passes = passes
        """Whether waiting helps."""


class InvalidPhone(LinkpoolError):
    """This is not a phone number with its country code, such as +6281234567890."""


class PoolUnreachable(LinkpoolError):
    """A node did not answer its control API in time; its next heartbeat brings the same wish."""


class PoolRefused(LinkpoolError):
    """A node answered its control API with a problem; status and code are the node's own."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
