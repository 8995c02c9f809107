"""Every system of the acceptance suite runs at debug level, so each looks through its logs at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def at_debug_level() -> Iterator[None]:
    """Before any `system` of a module is made; see `System`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOG_LEVEL", "debug")
        yield
