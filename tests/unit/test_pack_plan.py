"""Which pieces a save goes on using."""

from dataclasses import replace

from storage.ids import new_id
from storage.manifest import Manifest, Place
from storage.pack_plan import MANY_PACKS, SMALL_PACK_BYTES, reusable
from tests.unit.test_manifest import NOW, manifest


def built(packs: dict[int, tuple[int, int]]) -> Manifest:
    """A manifest of packs, each with its bytes and those of them that are live."""
    ids = {number: new_id(NOW) for number in packs}
    return replace(
        manifest(),
        packs={ids[number]: size for number, (size, _) in packs.items()},
        places={
            f"{number:032x}": Place(pack=ids[number], offset=0, length=live)
            for number, (_, live) in packs.items()
        },
    )


def test_without_a_manifest_nothing_is_reused() -> None:
    assert reusable(None) == {}


def test_half_waste_is_still_used_and_more_is_not() -> None:
    assert len(reusable(built({1: (100, 80), 2: (100, 20)}))) == 2
    assert reusable(built({1: (100, 80), 2: (100, 19)})) == {}


def test_many_small_packs_are_folded_and_large_ones_stay() -> None:
    packs = {0: (SMALL_PACK_BYTES, SMALL_PACK_BYTES)} | dict.fromkeys(range(1, MANY_PACKS), (1000, 1000))
    assert len(reusable(built(packs))) == MANY_PACKS
    packs[MANY_PACKS] = (1000, 1000)
    assert list(reusable(built(packs))) == [f"{0:032x}"]
