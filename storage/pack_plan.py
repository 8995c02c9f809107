"""Which pieces of the last snapshot the next one goes on using, and which it writes anew.

Rule: pure arithmetic on a manifest; nothing here knows a store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from storage.manifest import Manifest, Place

MOST_WASTE = 0.5
"""Of the packs' bytes. Above it everything is written anew: a restore reads whole packs."""
MANY_PACKS = 48
SMALL_PACK_BYTES = 1024 * 1024
"""Each pack is a request at a restore: 48 of them are 1 to 2 s from S3. Beyond that small ones are folded
into one, which is about 80 kB each."""


def reusable(manifest: Manifest | None) -> Mapping[str, Place]:
    """The pieces that need not be sent again."""
    if manifest is None:
        return {}
    live: Counter[str] = Counter()
    for place in manifest.places.values():
        live[place.pack] += place.length
    if sum(live.values()) < (1 - MOST_WASTE) * sum(manifest.packs.values()):
        return {}
    if len(manifest.packs) <= MANY_PACKS:
        return manifest.places
    return {
        piece: place
        for piece, place in manifest.places.items()
        if manifest.packs[place.pack] >= SMALL_PACK_BYTES
    }
