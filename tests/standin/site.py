"""All that one stand-in remembers, in one place for its routes and sockets."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.standin.devices import Devices
from tests.standin.offers import Offers
from tests.standin.options import Options
from tests.standin.presence import Presence
from tests.standin.stats import Stats

if TYPE_CHECKING:
    from tests.standin.sockets import PageSocket


@dataclass
class Site:
    options: Options
    devices: Devices
    offers: "Offers[PageSocket]" = field(default_factory=Offers)
    presence: Presence = field(default_factory=Presence)
    stats: Stats = field(default_factory=Stats)
    offline_until: dict[str, float] = field(default_factory=dict)  # phone number to loop time

    def is_offline(self, number: str) -> bool:
        return self.offline_until.get(number, 0.0) > asyncio.get_running_loop().time()
