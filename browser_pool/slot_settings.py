"""What every slot of a node has in common, found out once at its start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from browser_pool.confinement import Confinement
from browser_pool.lookup_file import LookupFile
from browser_pool.user_agent import UserAgent


@dataclass(frozen=True, kw_only=True)
class SlotSettings:
    """Handed to each slot through the workshop."""

    executable: str
    confinement: Confinement
    user_agent: UserAgent
    url: str
    more_hosts: tuple[str, ...]
    """Hosts beside WhatsApp's that pages may talk to."""
    launch_timeout: timedelta
    lookups: LookupFile
    """Where the page's insides are found, when a release is behind WhatsApp."""
