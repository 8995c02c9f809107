"""What is sealed opens in its own place, whole, and nowhere else."""

import os

import pytest

from storage.derived_key import derive
from storage.sealing import PIECE_BYTES, Kind, Sealing, Unsealable

KEY = os.urandom(32)
HERE = Sealing(KEY, "a" * 32)


@pytest.mark.parametrize("plain", [b"", b"x", b"zeros" * 10_000, os.urandom(PIECE_BYTES)])
def test_what_is_sealed_opens(plain: bytes) -> None:
    assert HERE.open(Kind.PIECE, "n", HERE.seal(Kind.PIECE, "n", plain)) == plain


def test_sealing_the_same_twice_gives_different_bytes() -> None:
    assert HERE.seal(Kind.HEAD, "head", b"x") != HERE.seal(Kind.HEAD, "head", b"x")


@pytest.mark.parametrize(
    ("sealing", "kind", "name"),
    [
        (Sealing(KEY, "b" * 32), Kind.PIECE, "n"),
        (Sealing(os.urandom(32), "a" * 32), Kind.PIECE, "n"),
        (HERE, Kind.MANIFEST, "n"),
        (HERE, Kind.PIECE, "m"),
    ],
    ids=["session", "key", "kind", "name"],
)
def test_it_opens_in_no_other_place(sealing: Sealing, kind: Kind, name: str) -> None:
    sealed = HERE.seal(Kind.PIECE, "n", b"plain")
    with pytest.raises(Unsealable):
        sealing.open(kind, name, sealed)


def test_every_flipped_byte_and_every_cut_is_noticed() -> None:
    sealed = HERE.seal(Kind.PIECE, "n", b"plain")
    for at in range(len(sealed)):
        flipped = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        for spoiled in (flipped, sealed[:at]):
            with pytest.raises(Unsealable):
                HERE.open(Kind.PIECE, "n", spoiled)


def test_more_than_any_of_ours_is_not_unpacked() -> None:
    """Sealed with our own key, so it would be a fault of ours; it must not take the memory all the same."""
    sealed = HERE.seal(Kind.PIECE, "n", bytes(PIECE_BYTES + 1))
    assert len(sealed) < 100
    with pytest.raises(Unsealable):
        HERE.open(Kind.PIECE, "n", sealed)


def test_names_are_the_sessions_own_and_stable() -> None:
    digest = bytes(32)
    assert HERE.piece_name(digest) == Sealing(KEY, "a" * 32).piece_name(digest)
    assert HERE.piece_name(digest) != Sealing(os.urandom(32), "a" * 32).piece_name(digest)
    assert HERE.piece_name(digest) != HERE.piece_name(bytes([1]) + bytes(31))


def test_each_purpose_has_a_key_of_its_own() -> None:
    purposes = ["piece", "manifest", "head", "piece-name", "wrap", "key-id"]
    assert len({derive(KEY, purpose) for purpose in purposes}) == len(purposes)
