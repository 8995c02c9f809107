"""What the stand-in counted. Tests read it to see what a driver really did."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stats:
    index_loads: int = 0
    index_loads_by_device: Counter[str] = field(default_factory=Counter)
    asset_loads: int = 0
    socket_connects: int = 0
    sockets_open: int = 0
    refs_issued: int = 0
    codes_issued: int = 0
    links: int = 0
    proofs_refused: int = 0
    double_runs: int = 0  # a second page proved a device while the first still answered
    stale_replaced: int = 0  # the first page did not answer any more: frozen, or its machine gone
    pages_refused: int = 0  # browsers the site does not know
    ua_leaks: Counter[str] = field(default_factory=Counter)  # where a Headless name was seen

    def as_json(self) -> dict[str, Any]:
        return {
            name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()
        }
